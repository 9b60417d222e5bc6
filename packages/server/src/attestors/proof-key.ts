import { hash } from 'node:crypto'

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/**
 * The 32 bytes that name a proof for replay: SHA-256 over the RFC 7638 SHA-256 thumbprint of the verifying key (its 43 base64url
 * characters) followed by the signing input (`header.payload`, ASCII). The thumbprint has one length, so the two cannot be shifted
 * against each other. Not the signature: an ECDSA signature can be altered and stays valid. Not the provider: two providers of one
 * issuer accept one proof no oftener than one (design section 5).
 * @throws TypeError when the thumbprint is none: a proof without a name must not be accepted.
 */
export function proofKey(keyThumbprint: string, proof: string): Uint8Array {
  if (!THUMBPRINT.test(keyThumbprint)) throw new TypeError('a key thumbprint has 32 bytes')
  const input = keyThumbprint + proof.slice(0, proof.lastIndexOf('.'))
  // One string, and hexadecimal output: far cheaper than the buffer form of crypto.hash.
  return Buffer.from(hash('sha256', input, 'hex'), 'hex')
}
