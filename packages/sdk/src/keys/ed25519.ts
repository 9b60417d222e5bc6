// The y coordinates of the points of small order, little-endian with the sign bit cleared, and the two values beyond
// the field that decode to them. Under such a key a signature says nothing: under the all-zero key anybody can make one.
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/** Whether 32 bytes encode a point of small order of edwards25519, which no honest key is (RFC 8032 section 5.1.7, RFC 7748 section 6.1). */
export function isSmallOrderEd25519(key: Uint8Array): boolean {
  const y = Buffer.from(key)
  y.writeUInt8(y.readUInt8(31) & 0x7f, 31)
  return SMALL_ORDER.has(y.toString('hex'))
}
