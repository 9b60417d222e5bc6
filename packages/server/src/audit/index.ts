/**
 * The audit log. Events are appended as canonical bytes in the transaction of their action (`createEventLog`, or the rows of
 * `toBatchRows` in the exchange's batch); one sealer numbers what is committed, grows an RFC 6962 tree in C2SP tiles and signs
 * checkpoints (`createSealer`); `EventLog.export` writes JSON Lines that `verifyExport` checks offline, naming the first bad
 * entry. Everything but `event-log.ts`, `store.ts`, `export.ts`, `seal.ts` and `sealer.ts` works without a database.
 * A new kind of event needs nothing here: give it a dotted noun and verb, and data without secrets.
 */

export { EVENT_BATCH_TABLES, toBatchRows } from './batch.ts'
export { formatTreeHead, type OpenedCheckpoint, openCheckpoint, parseTreeHead, type TreeHead } from './checkpoint.ts'
export { decodeEvent, encodeEvent, MAX_EVENT_BYTES } from './encode.ts'
export { createEventLog, type EventLogDependencies } from './event-log.ts'
export { readExportLines } from './export-lines.ts'
export type { AuditFault, AuditFaultKind } from './faults.ts'
export { createLogProofs, type EventProof, type GrowthProof, type LogProofs } from './log-proofs.ts'
export { hashLeaf } from './merkle.ts'
export {
  type CheckpointSigner,
  formatVerifierKey,
  type OpenedNote,
  openNote,
  parseVerifierKey,
  signNote,
  toVerifierKey,
  type VerifierKey,
} from './note.ts'
export { printable } from './printable.ts'
export { type ConsistencyClaim, type InclusionClaim, provesConsistency, provesInclusion } from './proofs.ts'
export {
  parseReceiptJson,
  type ReceiptFacts,
  type ReceiptFollower,
  type ReceiptService,
  toReceiptJson,
  toSignedFacts,
} from './receipt-facts.ts'
export { receiptKeyName, signReceiptNote } from './receipt-note.ts'
export {
  looksLikeReceipt,
  RECEIPT_EVENT,
  verifyReceipt,
} from './receipt-verify.ts'
export { createSealer, type Sealer, type SealerAlarm, type SealerDependencies } from './sealer.ts'
export type * from './types.ts'
export { type ExportExpectation, type ExportVerdict, verifyExport } from './verify.ts'
