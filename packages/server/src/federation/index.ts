/**
 * The exchange (RFC 8693), from the parsed form to the signed token. `exchange.ts` is the path: attest, decide, commit, sign;
 * `ledger.ts` makes claim, issuance and event durable in one transaction before anything is signed; `refusals.ts` counts what is
 * refused before a proof has verified; `settle.ts` reconciles signatures with rows after a crash; `explain.ts` says why.
 * A grant path that is new goes through `createExchange`'s decision and ledger, never beside them (T24).
 */
export { type Admission, createAdmission, type RateLimits } from './admission.ts'
export {
  createExchange,
  type Exchange,
  type ExchangeCaller,
  type ExchangeDeps,
  type ExchangeResult,
} from './exchange.ts'
export { createExplain, type ExplainDeps } from './explain.ts'
export { createGeneratePolicy, type GeneratePolicyDeps } from './generate.ts'
export { createInspectProof, type InspectProofDeps, type ProofInspection } from './inspect.ts'
export { type Instance, startInstance } from './instance.ts'
export { createKeyChangeRecorder } from './key-changes.ts'
export { createLedger, type Ledger } from './ledger.ts'
export { createEarlyRefusals, type EarlyRefusal, type EarlyRefusals } from './refusals.ts'
export { type ExchangeRequest, type Form, parseExchangeRequest, parseForm } from './request.ts'
export { createRetention } from './retention.ts'
export { createRevokeOwnToken } from './revoke.ts'
export { createSenderCheck, type SenderCheck, type SenderCheckDeps, type SenderEvidence } from './sender.ts'
export { createSettlement, type Settlement } from './settle.ts'
export type * from './types.ts'
export { createUnsignedRecorder } from './unsigned.ts'
