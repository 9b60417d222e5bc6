import { Buffer } from 'node:buffer'
import { isCountersignError, parseStrictJsonObject } from '@countersign/sdk'
import { canonicalJson, type JsonObject, type JsonValue } from '../lib/index.ts'
import { openCheckpoint, type TreeHead } from './checkpoint.ts'
import { decodeEvent } from './encode.ts'
import { hashLeaf } from './merkle.ts'
import { parseVerifierKey, type VerifierKey } from './note.ts'
import { provesInclusion } from './proofs.ts'
import { isSignedFor, parseReceiptJson, type ReceiptFacts } from './receipt-facts.ts'
import { openReceiptNote } from './receipt-note.ts'
import { parseTrustedKeys } from './verify.ts'

/** The kind of the event that holds the final facts of a receipt. */
export const RECEIPT_EVENT = 'revocation.confirmed'

/** The checks of a receipt, in the order in which they are made. */
export const RECEIPT_CHECKS = [
  ...(['format', 'final', 'note_signature', 'note_facts'] as const),
  ...(['event', 'checkpoint_signature', 'same_log', 'inclusion'] as const),
] as const

/** The name of a check. */
export type ReceiptCheckName = (typeof RECEIPT_CHECKS)[number]

/** How one check came out. `not_checked`: an earlier one left nothing to check. */
export interface ReceiptCheck {
  readonly name: ReceiptCheckName
  readonly outcome: 'ok' | 'failed' | 'not_checked'
  /** A sentence for people; holds no text of the receipt. */
  readonly detail: string
}

/** The result of verifying a receipt. */
export interface ReceiptVerdict {
  /** True only if every check is ok. */
  readonly ok: boolean
  readonly checks: readonly ReceiptCheck[]
  /** What the receipt states; to be believed only if `ok`. Undefined when it cannot be read. */
  readonly facts: ReceiptFacts | undefined
  /** The log that the note names. */
  readonly origin: string | undefined
  /** Number of entries under the checkpoint. */
  readonly size: bigint | undefined
  /** Whose keys were believed. Keys `from the receipt itself` only show that the receipt is consistent in itself. */
  readonly keys: 'pinned' | 'from the receipt itself'
}

const MAX_RECEIPT_BYTES = 64 * 1024 * 1024
const MAX_HASHES = 64
const MEMBERS_BESIDE_FACTS: ReadonlySet<string> = new Set(['state', 'waiting_for', 'note', 'proof', 'verifier_keys'])

/**
 * Verifies a receipt offline: its note is signed by the receipt key of a log and states what the receipt shows; the same facts
 * are an event of that log, included under a checkpoint that the log's key has signed.
 * Never throws for what the receipt holds: each check is named, and the verdict is `ok` only if all are.
 * @throws ServiceError validation_failed when a trusted key is not a verifier key.
 */
export function verifyReceipt({
  receipt,
  trustedKeys,
}: {
  /** The JSON text of the receipt, as the API or `countersign receipts get` gave it. */
  readonly receipt: Uint8Array
  /** Verifier keys (`name+id+base64`) of the log and of its receipts. Without them those in the receipt are believed. */
  readonly trustedKeys?: readonly string[] | undefined
}): ReceiptVerdict {
  const pinned = trustedKeys === undefined ? undefined : parseTrustedKeys(trustedKeys)
  const checks = createChecks()
  const shown = checks.run('format', () => readReceipt(receipt))
  const keys = pinned ?? shown?.verifierKeys ?? []
  const isFinal = shown && checks.run('final', () => readFinal(shown))
  const note = isFinal && checks.run('note_signature', () => readNote(isFinal.note, keys))
  if (shown && note) checks.run('note_facts', () => (isSignedFor(note.facts, shown.facts) ? true : NOT_THE_FACTS))
  const event = isFinal && note && checks.run('event', () => readEvent(isFinal.event, note.facts))
  const head = isFinal && checks.run('checkpoint_signature', () => readCheckpoint(isFinal.checkpoint, keys))
  if (note && head)
    checks.run('same_log', () => (head.origin === note.origin ? true : 'the checkpoint is of another log'))
  if (isFinal && event && head) {
    checks.run('inclusion', () => (isIncluded(isFinal, head) ? true : 'the event is not in the tree of the checkpoint'))
  }
  return {
    ok: checks.isOk(),
    checks: checks.list(),
    facts: shown?.facts,
    origin: note?.origin,
    size: head?.size,
    keys: pinned === undefined ? 'from the receipt itself' : 'pinned',
  }
}

/** Whether the text can only be meant as a receipt: a JSON object with an id `rcpt_...`. Says nothing about its truth. */
export function looksLikeReceipt(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'id' in value && /^rcpt_/.test(String(value.id))
  } catch {
    return false
  }
}

interface ShownReceipt {
  readonly facts: ReceiptFacts
  readonly state: JsonValue | undefined
  readonly waitingFor: JsonValue | undefined
  readonly note: JsonValue | undefined
  readonly proof: JsonValue | undefined
  readonly verifierKeys: readonly VerifierKey[]
}

interface FinalReceipt {
  readonly note: string
  readonly event: Uint8Array
  readonly leafIndex: number
  readonly hashes: readonly Uint8Array[]
  readonly checkpoint: string
}

const NOT_THE_FACTS = 'the receipt shows other facts than those that were signed'

function readReceipt(bytes: Uint8Array): ShownReceipt | string {
  if (bytes.length > MAX_RECEIPT_BYTES) return 'the receipt is too large'
  let value: JsonObject
  try {
    value = parseStrictJsonObject(Buffer.from(bytes))
  } catch (error) {
    if (isCountersignError(error)) return 'the receipt is not a JSON object, or readers would differ in what it says'
    throw error
  }
  const { state, waiting_for: waitingFor, note, proof, verifier_keys: keys = [] } = value
  const facts = parseReceiptJson(
    Object.fromEntries(Object.entries(value).filter(([name]) => !MEMBERS_BESIDE_FACTS.has(name))),
  )
  if (facts === undefined) return 'the receipt lacks a member, or has one that receipts do not have'
  if (!Array.isArray(keys) || keys.length > MAX_HASHES) return 'the verifier keys are no list'
  const verifierKeys = (keys as readonly JsonValue[]).flatMap((key) => parseVerifierKey(String(key)) ?? [])
  if (verifierKeys.length !== keys.length) return 'a verifier key of the receipt is malformed'
  return { facts, state, waitingFor, note, proof, verifierKeys }
}

function readFinal({ state, waitingFor, facts, note, proof }: ShownReceipt): FinalReceipt | string {
  if (state === 'pending') return 'the receipt is pending: it proves nothing yet; get it again later'
  if (state !== 'final' || waitingFor !== null || facts.finalAt === undefined) return 'the receipt is not final'
  if (typeof note !== 'string') return 'the receipt has no note'
  if (typeof proof !== 'object' || proof === null || Array.isArray(proof)) return 'the receipt has no proof'
  const { event, leaf_index: leafIndex, hashes, checkpoint, ...more } = proof as JsonObject
  const body = decodeBase64(event)
  if (Object.keys(more).length > 0 || body === undefined || typeof checkpoint !== 'string') return MALFORMED_PROOF
  if (typeof leafIndex !== 'number' || !Number.isSafeInteger(leafIndex) || leafIndex < 0) return MALFORMED_PROOF
  if (!Array.isArray(hashes) || hashes.length > MAX_HASHES) return MALFORMED_PROOF
  const decoded = (hashes as readonly JsonValue[]).flatMap((item) => decodeBase64(item) ?? [])
  if (decoded.length !== hashes.length) return MALFORMED_PROOF
  return { note, event: body, leafIndex, hashes: decoded, checkpoint }
}

const MALFORMED_PROOF = 'the proof is malformed'

function readNote(text: string, keys: readonly VerifierKey[]) {
  const opened = openReceiptNote(text, keys)
  return opened.ok ? opened : `the note: ${opened.detail}`
}

function readEvent(body: Uint8Array, facts: JsonObject): true | string {
  try {
    const event = decodeEvent(body)
    if (event.kind !== RECEIPT_EVENT || event.outcome !== 'done') return 'the event is not that of a receipt'
    const { receipt = null, ...more } = event.data
    if (Object.keys(more).length > 0 || canonicalJson(receipt) !== canonicalJson(facts)) {
      return 'the event states other facts than the note'
    }
    return true
  } catch (error) {
    // What decodeEvent, a fatal TextDecoder and a nesting beyond the stack throw for bytes that are no event.
    if (error instanceof TypeError || error instanceof RangeError) return 'the bytes are those of no event'
    throw error
  }
}

function readCheckpoint(note: string, keys: readonly VerifierKey[]): TreeHead | string {
  const opened = openCheckpoint(note, keys)
  return opened.ok ? opened.head : `the checkpoint: ${opened.detail}`
}

function isIncluded({ event, leafIndex, hashes }: FinalReceipt, { size, root }: TreeHead): boolean {
  return provesInclusion({ leafHash: hashLeaf(event), index: BigInt(leafIndex), size, root, proof: hashes })
}

/** Collects checks in their order; a check answers what it found, or a sentence that says why it failed. */
function createChecks() {
  const done = new Map<ReceiptCheckName, ReceiptCheck>()
  const list = (): readonly ReceiptCheck[] =>
    RECEIPT_CHECKS.map((name) => done.get(name) ?? { name, outcome: 'not_checked', detail: 'nothing left to check' })
  return {
    run<T extends object | true>(name: ReceiptCheckName, check: () => T | string): T | undefined {
      const found = check()
      const failed = typeof found === 'string'
      done.set(name, { name, outcome: failed ? 'failed' : 'ok', detail: failed ? found : MEANINGS[name] })
      return failed ? undefined : found
    },
    list,
    isOk: () => list().every(({ outcome }) => outcome === 'ok'),
  }
}

const MEANINGS: Readonly<Record<ReceiptCheckName, string>> = {
  format: 'the receipt is well formed',
  final: 'the receipt is final',
  note_signature: 'the note is signed by the receipt key of the log',
  note_facts: 'the receipt shows the facts that were signed',
  event: 'the same facts are an event of the log',
  checkpoint_signature: 'the checkpoint is signed by the key of the log',
  same_log: 'note and checkpoint are of one log',
  inclusion: 'the event is in the log that the checkpoint was signed for',
}

/** Standard base64 in its one canonical spelling. */
function decodeBase64(value: JsonValue | undefined): Buffer | undefined {
  if (typeof value !== 'string') return undefined
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value ? bytes : undefined
}
