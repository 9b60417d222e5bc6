/** The low bits of the last character that no byte uses, by how many characters are left over: they must be zero. */
const UNUSED_BITS = [0, 0, 0b1111, 0b11]

/**
 * The bytes of canonical base64url text, or undefined for any other text: padding, foreign characters, an impossible
 * length, or unused low bits that are not zero (RFC 4648 section 3.5; RFC 7515 section 2). Otherwise tokens of different
 * text would carry one signature.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const { length } = text
  const leftOver = length % 4
  if (leftOver === 1) return undefined
  // Node skips what it does not know, so a full count of bytes proves that every character was known; of what it knows, `+` and `/`
  // are not of this alphabet, and a character beyond ASCII is not to be trusted to a decoder of bytes.
  if (Buffer.byteLength(text) !== length || text.includes('+') || text.includes('/')) return undefined
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length !== (length * 3) >> 2) return undefined
  const unused = UNUSED_BITS[leftOver] ?? 0
  return unused === 0 || (sextetOf(text.charCodeAt(length - 1)) & unused) === 0 ? bytes : undefined
}

/** The value of a character that is known to be of the alphabet. */
function sextetOf(code: number): number {
  if (code >= 97) return code - 71
  if (code === 95) return 63
  if (code >= 65) return code - 65
  return code === 45 ? 62 : code + 4
}
