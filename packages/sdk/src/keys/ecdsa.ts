// Orders of the groups, big-endian (FIPS 186-5 appendix; SP 800-186 section 3.2.1).
const CURVES = {
  ES256: { bytes: 32, order: order('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551') },
  ES384: {
    bytes: 48,
    order: order('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'),
  },
  ES512: {
    bytes: 66,
    order: order(
      '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
    ),
  },
} as const

function order(hex: string): Buffer {
  return Buffer.from(hex, 'hex')
}

/** Length in bytes of a signature of this algorithm on the wire: r and s side by side (RFC 7518 section 3.4). */
export function ecdsaSignatureBytes(alg: keyof typeof CURVES): number {
  return CURVES[alg].bytes * 2
}

/**
 * The DER form of a JWS ECDSA signature, or undefined unless it has exactly the length of its curve and both numbers
 * lie in [1, n-1]. Zero must never reach the equation: CVE-2022-21449, the psychic signatures (V-11). Verifying DER and
 * converting here is faster than node's own `ieee-p1363` form.
 */
export function ecdsaSignatureToDer(alg: keyof typeof CURVES, signature: Uint8Array): Buffer | undefined {
  const { bytes, order } = CURVES[alg]
  if (signature.length !== bytes * 2) return undefined
  if (!isInRange(signature, 0, order) || !isInRange(signature, bytes, order)) return undefined
  const r = integerStart(signature, 0, bytes)
  const s = integerStart(signature, bytes, bytes * 2)
  const rLength = bytes - r + padding(signature, r)
  const sLength = bytes * 2 - s + padding(signature, s)
  const content = rLength + sLength + 4
  // Only P-521 needs the long form of the length. Every byte is written below.
  const der = Buffer.allocUnsafe(content + (content > 127 ? 3 : 2))
  let at = 0
  der[at++] = 0x30
  if (content > 127) der[at++] = 0x81
  der[at++] = content
  at = writeInteger(der, at, rLength, signature, r, bytes)
  writeInteger(der, at, sLength, signature, s, bytes * 2)
  return der
}

function isInRange(signature: Uint8Array, start: number, order: Buffer): boolean {
  let nonZero = 0
  let comparison = 0
  for (let i = 0; i < order.length; i++) {
    const byte = signature[start + i] ?? 0
    nonZero |= byte
    if (comparison === 0) comparison = byte - (order[i] ?? 0)
  }
  return nonZero !== 0 && comparison < 0
}

function integerStart(signature: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end - 1 && signature[at] === 0) at++
  return at
}

// A DER integer is signed: a leading bit of one needs a zero byte before it.
function padding(signature: Uint8Array, start: number): number {
  return (signature[start] ?? 0) > 127 ? 1 : 0
}

function writeInteger(
  der: Buffer,
  offset: number,
  length: number,
  signature: Uint8Array,
  start: number,
  end: number,
): number {
  der[offset] = 0x02
  der[offset + 1] = length
  const pad = padding(signature, start)
  if (pad === 1) der[offset + 2] = 0
  const value = offset + 2 + pad
  for (let i = start; i < end; i++) der[value + i - start] = signature[i] ?? 0
  return offset + 2 + length
}
