import { Buffer } from 'node:buffer'
import { HASH_BYTES } from './merkle.ts'
import { type CheckpointSigner, type OpenedNote, openNote, signNote, type VerifierKey } from './note.ts'

/** A tree head: the log's origin, the number of leaves and the RFC 6962 root. The size is a bigint: logs larger than 2^53 occur. */
export interface TreeHead {
  readonly origin: string
  readonly size: bigint
  readonly root: Uint8Array
}

/** What reading a checkpoint found: a tree head that a known key has signed, or why it is none. */
export type OpenedCheckpoint =
  | { readonly ok: true; readonly head: TreeHead; readonly signedBy: readonly VerifierKey[] }
  | Extract<OpenedNote, { ok: false }>
  | { readonly ok: false; readonly reason: 'wrong_origin'; readonly detail: string }

/** The note text of a tree head: origin, size and base64 root, one per line (C2SP tlog-checkpoint). @throws TypeError */
export function formatTreeHead(head: TreeHead): string {
  if (!isOrigin(head.origin)) throw new TypeError('an origin is one non-empty line')
  if (head.root.length !== HASH_BYTES) throw new TypeError('a root has 32 bytes')
  if (head.size < 0n || head.size >= 2n ** 64n) throw new TypeError('a tree size has 64 bits')
  return `${head.origin}\n${head.size}\n${Buffer.from(head.root).toString('base64')}\n`
}

/**
 * Reads a note text as a tree head. Extension lines are allowed and ignored (tlog-checkpoint).
 * @returns undefined when it is none. Says nothing about who signed it.
 */
export function parseTreeHead(text: string): TreeHead | undefined {
  if (!text.endsWith('\n')) return undefined
  const [origin = '', size = '', root = '', ...extensions] = text.slice(0, -1).split('\n')
  if (!isOrigin(origin) || extensions.includes('')) return undefined
  // No leading zeroes, no signs: one size has one spelling.
  if (!/^(?:0|[1-9][0-9]{0,19})$/.test(size) || BigInt(size) >= 2n ** 64n) return undefined
  const bytes = Buffer.from(root, 'base64')
  if (bytes.length !== HASH_BYTES || bytes.toString('base64') !== root) return undefined
  return { origin, size: BigInt(size), root: bytes }
}

/** Signs a tree head as a checkpoint. @throws TypeError when the head cannot be written as one. */
export function signCheckpoint(head: TreeHead, signers: readonly CheckpointSigner[]): string {
  return signNote(formatTreeHead(head), signers)
}

/**
 * Opens a checkpoint: the signature first, then the tree head in the text that it covers. One of the keys must bear the name of
 * the log (C2SP tlog-checkpoint): neither a witness's key nor the one of its receipts can sign a tree head of it.
 */
export function openCheckpoint(note: string, keys: readonly VerifierKey[]): OpenedCheckpoint {
  const opened = openNote(note, keys)
  if (!opened.ok) return opened
  const head = parseTreeHead(opened.text)
  if (head === undefined) return { ok: false, reason: 'malformed', detail: 'the text of the note is no tree head' }
  if (!opened.signedBy.some((key) => key.name === head.origin)) {
    return { ok: false, reason: 'wrong_origin', detail: 'it is not signed with a key of the log that it names' }
  }
  return { ok: true, head, signedBy: opened.signedBy }
}

function isOrigin(origin: string): boolean {
  return origin.length > 0 && !origin.includes('\n')
}
