import {
  type AuditEvent,
  type CheckpointSigner,
  decodeEvent,
  type EventProof,
  encodeEvent,
  formatVerifierKey,
  openCheckpoint,
  parseVerifierKey,
  RECEIPT_EVENT,
  type ReceiptFacts,
  signReceiptNote,
  toReceiptJson,
  toSignedFacts,
  toVerifierKey,
  verifyReceipt,
} from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import { canonicalJson, type JsonObject, type JsonValue } from '../lib/index.ts'
import type { StoredReceipt } from './receipt-store.ts'

/**
 * A receipt as it is shown, on every wire: the facts, `state`, `waiting_for` (`followers`, `sealing`, `log_refused`; null when
 * final), `note`, `proof` and `verifier_keys`. What `countersign audit verify` takes.
 */
export type ReceiptDocument = JsonObject & { readonly id: string; readonly state: 'pending' | 'final' }

/** What makes a receipt final, as it is stored. */
export interface SignedReceipt {
  readonly note: string
  readonly proof: string
}

/** The event that holds the final facts of a receipt: all of them if they fit, else with its lists as hashes. */
export function toReceiptEvent(
  facts: ReceiptFacts,
  { id, at }: { readonly id: string; readonly at: Date },
): AuditEvent {
  const make = (receipt: JsonObject): AuditEvent => {
    return { id, at, kind: RECEIPT_EVENT, outcome: 'done', actor: 'system', data: { receipt } }
  }
  return make(toSignedFacts(facts, (signed) => isEncodable(make(signed))))
}

/**
 * Signs the facts that the sealed event holds, and verifies the result as its reader will: what does not verify is never stored.
 * @throws ServiceError audit_invalid
 */
export function signReceipt(
  stored: StoredReceipt,
  proof: EventProof,
  keys: { readonly origin: string; readonly signer: CheckpointSigner; readonly verifierKeys: readonly string[] },
): SignedReceipt {
  const { receipt = null } = decodeEvent(proof.entry).data
  const note = signReceiptNote(keys.origin, canonicalJson(receipt), keys.signer)
  const known = keys.verifierKeys.flatMap((text) => parseVerifierKey(text) ?? [])
  const opened = openCheckpoint(proof.checkpoint.note, known)
  const used = [...(opened.ok ? opened.signedBy : []), toVerifierKey(keys.signer.name, keys.signer.publicKey)]
  const kept = {
    proof: {
      event: toBase64(proof.entry),
      leaf_index: proof.index,
      hashes: proof.proof.map(toBase64),
      checkpoint: proof.checkpoint.note,
    },
    verifier_keys: used.map(formatVerifierKey),
  }
  const signed = { note, proof: JSON.stringify(kept) }
  const document = toReceiptDocument({ ...stored, ...signed, state: 'final' }, { refusing: false })
  const verdict = verifyReceipt({ receipt: Buffer.from(JSON.stringify(document)), trustedKeys: keys.verifierKeys })
  const failed = verdict.checks.find((check) => check.outcome === 'failed')
  if (!verdict.ok) {
    const internal = `receipt ${stored.facts.id} does not verify: ${failed?.name}, ${failed?.detail}`
    throw new ServiceError('audit_invalid', { internal })
  }
  return signed
}

/** A stored receipt as it is shown. `refusing`: this process leads, and refuses to seal the log. */
export function toReceiptDocument(
  { facts, state, finalEventId, note, proof }: StoredReceipt,
  { refusing }: { readonly refusing: boolean },
): ReceiptDocument {
  const isFinal = state === 'final'
  const json = toReceiptJson(isFinal ? facts : { ...facts, finalAt: undefined })
  const kept =
    isFinal && proof !== undefined ? (JSON.parse(proof) as { proof: JsonValue; verifier_keys: JsonValue }) : {}
  const isConfirmed =
    finalEventId !== undefined || facts.followers.every(({ confirmedAt }) => confirmedAt !== undefined)
  const waitingFor = !isConfirmed ? 'followers' : refusing ? 'log_refused' : 'sealing'
  return {
    ...json,
    id: facts.id,
    state,
    waiting_for: isFinal ? null : waitingFor,
    note: isFinal ? (note ?? null) : null,
    proof: null,
    ...kept,
  }
}

function isEncodable(event: AuditEvent): boolean {
  try {
    return encodeEvent(event).length > 0
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
