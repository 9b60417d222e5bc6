import type { JsonObject } from '../lib/index.ts'
import { parseCanonicalObject } from './encode.ts'
import { type CheckpointSigner, type OpenedNote, openNote, signNote, type VerifierKey } from './note.ts'

/** What reading the note of a receipt found: facts that the receipt key of a log has signed, or why there are none. */
export type OpenedReceiptNote =
  | {
      readonly ok: true
      readonly origin: string
      readonly facts: JsonObject
      readonly signedBy: readonly VerifierKey[]
    }
  | Extract<OpenedNote, { ok: false }>

const SUFFIX = '/receipts'

/** The name under which receipts of a log are signed: the first line of their notes and the name of their key. */
export function receiptKeyName(origin: string): string {
  return `${origin}${SUFFIX}`
}

/** The text of a receipt's note: its key's name, then the facts as canonical JSON (RFC 8785), each on a line of its own. */
export function formatReceiptText(origin: string, facts: string): string {
  return `${receiptKeyName(origin)}\n${facts}\n`
}

/**
 * Signs the facts of a receipt as a C2SP signed note. `facts` is their canonical JSON.
 * @throws TypeError when the signer is not the receipt key of the log: one key, one purpose (G-05).
 */
export function signReceiptNote(origin: string, facts: string, signer: CheckpointSigner): string {
  if (signer.name !== receiptKeyName(origin)) throw new TypeError('a receipt is signed by the receipt key of its log')
  return signNote(formatReceiptText(origin, facts), [signer])
}

/** Reads a note text as a receipt's: exactly two lines. Says nothing about who signed it. @returns undefined when it is none. */
export function parseReceiptText(text: string): { readonly origin: string; readonly facts: JsonObject } | undefined {
  const [name = '', body = '', end, ...more] = text.split('\n')
  if (end !== '' || more.length > 0 || !name.endsWith(SUFFIX) || name.length === SUFFIX.length) return undefined
  const facts = parseCanonicalObject(body)
  return facts && { origin: name.slice(0, -SUFFIX.length), facts }
}

/**
 * Opens the note of a receipt: the signature first, then the facts in the text that it covers. The key must bear the name in the
 * first line: neither the log's key nor a witness's can sign a receipt.
 */
export function openReceiptNote(note: string, keys: readonly VerifierKey[]): OpenedReceiptNote {
  const opened = openNote(note, keys)
  if (!opened.ok) return opened
  const parsed = parseReceiptText(opened.text)
  if (parsed === undefined) {
    return { ok: false, reason: 'malformed', detail: 'the text of the note is not that of a receipt' }
  }
  const { origin, facts } = parsed
  const signedBy = opened.signedBy.filter((key) => key.name === receiptKeyName(origin))
  if (signedBy.length > 0) return { ok: true, origin, facts, signedBy }
  return {
    ok: false,
    reason: 'unknown_key',
    detail: `no known key of the name ${receiptKeyName(origin)} has signed it`,
  }
}
