import { Buffer } from 'node:buffer'
import { createPublicKey, hash, verify } from 'node:crypto'

/** The most bytes of a signed note that is read at all; witnesses may have added signatures of their own. */
export const MAX_NOTE_BYTES = 65_536

const MAX_SIGNATURES = 64
const ED25519 = 0x01
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const KEY_NAME = /^[^\s\p{White_Space}\p{Cc}+]+$/u

/** Signs checkpoints with a dedicated Ed25519 key (A-05, G-05). The name goes into the signature line and the verifier key. */
export interface CheckpointSigner {
  readonly name: string
  /** 32 bytes (RFC 8032). */
  readonly publicKey: Uint8Array
  /** The 64 bytes of the Ed25519 signature over the message. */
  sign(message: Uint8Array): Uint8Array
}

/** A public key that a note may be signed with, and the name and id under which notes refer to it. */
export interface VerifierKey {
  readonly name: string
  /** First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key), in hex: names a key, proves nothing. */
  readonly keyId: string
  readonly publicKey: Uint8Array
}

/** What opening a note found. The text of a refused note must not be used. */
export type OpenedNote =
  | { readonly ok: true; readonly text: string; readonly signedBy: readonly VerifierKey[] }
  | { readonly ok: false; readonly reason: 'malformed' | 'unknown_key' | 'bad_signature'; readonly detail: string }

/** The key as notes know it (C2SP signed-note). @throws TypeError for a bad name or a key that is not 32 bytes. */
export function toVerifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!name.isWellFormed() || !KEY_NAME.test(name))
    throw new TypeError('a key name has no spaces, controls or plus signs')
  if (publicKey.length !== KEY_BYTES) throw new TypeError('an Ed25519 public key has 32 bytes')
  const input = Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), Buffer.of(ED25519), publicKey])
  return { name, keyId: hash('sha256', input, 'hex').slice(0, 8), publicKey }
}

/** Writes a verifier key as one string: `name+keyid+base64(0x01 ‖ public key)`, as Go's `sumdb/note` reads it. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${key.keyId}+${Buffer.concat([Buffer.of(ED25519), key.publicKey]).toString('base64')}`
}

/**
 * Reads a verifier key string.
 * @returns undefined unless it is an Ed25519 key whose id is the hash of its name and key.
 */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text)
  const [, name = '', keyId = '', encoded = ''] = parts ?? []
  const bytes = decodeBase64(encoded)
  if (!name.isWellFormed() || !KEY_NAME.test(name) || bytes?.length !== 1 + KEY_BYTES || bytes[0] !== ED25519)
    return undefined
  const key = toVerifierKey(name, bytes.subarray(1))
  return key.keyId === keyId ? key : undefined
}

/**
 * Signs a text as a note: the text, an empty line, one signature line per signer (C2SP signed-note).
 * @throws TypeError when the text does not end in a newline, is not well-formed or holds a control character.
 */
export function signNote(text: string, signers: readonly CheckpointSigner[]): string {
  if (!isNoteText(text))
    throw new TypeError('a note is well-formed text that ends in a newline, without control characters')
  if (signers.length === 0) throw new TypeError('a note has at least one signature')
  const message = Buffer.from(text, 'utf8')
  const lines = signers.map((signer) => {
    const key = toVerifierKey(signer.name, signer.publicKey)
    const signature = signer.sign(message)
    if (signature.length !== SIGNATURE_BYTES) throw new TypeError('an Ed25519 signature has 64 bytes')
    return `— ${key.name} ${Buffer.concat([Buffer.from(key.keyId, 'hex'), signature]).toString('base64')}\n`
  })
  return `${text}\n${lines.join('')}`
}

/**
 * Opens a signed note: at least one signature of a known key, and none of a known key that fails. Signatures of unknown keys
 * are ignored (C2SP signed-note: key rotation and witnesses depend on it).
 */
export function openNote(note: string, keys: readonly VerifierKey[]): OpenedNote {
  const parsed = parseNote(note)
  if (typeof parsed === 'string') return { ok: false, reason: 'malformed', detail: parsed }
  const message = Buffer.from(parsed.text, 'utf8')
  const signedBy: VerifierKey[] = []
  for (const line of parsed.signatures) {
    for (const key of keys) {
      if (key.name !== line.name || key.keyId !== line.keyId) continue
      if (line.signature.length !== SIGNATURE_BYTES || !verify(null, message, publicKeyOf(key), line.signature)) {
        return {
          ok: false,
          reason: 'bad_signature',
          detail: `the signature of ${key.name}+${key.keyId} does not verify`,
        }
      }
      signedBy.push(key)
    }
  }
  if (signedBy.length > 0) return { ok: true, text: parsed.text, signedBy }
  const named = parsed.signatures.map((line) => `${line.name}+${line.keyId}`).join(', ')
  return { ok: false, reason: 'unknown_key', detail: `no known key has signed it, only ${named}` }
}

interface SignatureLine {
  readonly name: string
  readonly keyId: string
  readonly signature: Uint8Array
}

function parseNote(note: string): { text: string; signatures: readonly SignatureLine[] } | string {
  if (note.length > MAX_NOTE_BYTES) return 'the note is too large'
  // The last empty line separates text and signatures: the text itself may have empty lines.
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) return 'the note has no signature'
  const text = note.slice(0, end + 1)
  if (!isNoteText(text)) return 'the text of the note holds a control character or a lone surrogate'
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) return 'the note has too many signatures'
  const signatures: SignatureLine[] = []
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^— ([^ ]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? []
    const bytes = decodeBase64(encoded)
    if (!name.isWellFormed() || !KEY_NAME.test(name) || bytes === undefined || bytes.length < 5) {
      return 'a signature line of the note is malformed'
    }
    signatures.push({ name, keyId: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) })
  }
  return { text, signatures }
}

function isNoteText(text: string): boolean {
  if (text.length < 2 || !text.endsWith('\n') || !text.isWellFormed()) return false
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit < 0x20 && unit !== 0x0a) return false
  }
  return true
}

/** Standard base64 (RFC 4648 section 4) in its one canonical spelling; anything else would let a byte change unnoticed. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function publicKeyOf(key: VerifierKey) {
  const x = Buffer.from(key.publicKey).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}
