import { hash } from 'node:crypto'

const THUMBPRINT_BYTES = 32

/**
 * The 32 bytes that name a proof for replay: SHA-256 over the 32 bytes of the RFC 7638 SHA-256 thumbprint of the verifying key, followed
 * by the ASCII bytes of the signing input (`header.payload`). The thumbprint has one length, so the two cannot be shifted against each
 * other. Not the signature: an ECDSA signature can be altered and stays valid. Not the provider: two providers of one issuer accept
 * one proof no oftener than one (design section 5).
 * @throws TypeError when the thumbprint is none: a proof without a name must not be accepted.
 */
export function proofKey(keyThumbprint: string, proof: string): Uint8Array {
  const thumbprint = Buffer.from(keyThumbprint, 'base64url')
  if (thumbprint.length !== THUMBPRINT_BYTES) throw new TypeError('a key thumbprint has 32 bytes')
  const signingInput = proof.slice(0, proof.lastIndexOf('.'))
  return hash('sha256', Buffer.concat([thumbprint, Buffer.from(signingInput, 'latin1')]), 'buffer')
}
