/** Crockford's alphabet, without i, l, o, u: no character is mistaken for another when an id is read aloud. */
export const BASE32_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Crockford base32 of whole groups of 5 bytes, in lower case; bits of a last group that is not whole are left out. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += BASE32_ALPHABET[(buffer >>> bits) & 31]
    }
    buffer &= (1 << bits) - 1
  }
  return text
}
