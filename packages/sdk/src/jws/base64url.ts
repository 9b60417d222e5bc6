// For each base64url character its six-bit value, else 255.
const SIX_BITS = new Uint8Array(256).fill(255)
for (const [value, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].entries()) {
  SIX_BITS[char.charCodeAt(0)] = value
}

const ALPHABET = /^[A-Za-z0-9_-]*$/

/**
 * Whether text whose characters are already known to be of the alphabet is the one encoding of its bytes: no length of
 * 1 mod 4, and the unused low bits of the last character zero (RFC 4648 section 3.5). Otherwise two tokens of different
 * text would carry one signature.
 */
export function isCanonicalLength(text: string): boolean {
  const rest = text.length & 3
  if (rest === 0) return true
  if (rest === 1) return false
  const last = SIX_BITS[text.charCodeAt(text.length - 1)] ?? 255
  return (last & (rest === 2 ? 0b1111 : 0b11)) === 0
}

/** The bytes of canonical base64url text, or undefined when it has padding, foreign characters or stray low bits. */
export function decodeBase64url(text: string): Buffer | undefined {
  return ALPHABET.test(text) && isCanonicalLength(text) ? Buffer.from(text, 'base64url') : undefined
}
