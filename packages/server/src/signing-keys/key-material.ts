import { createPrivateKey, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { jwkThumbprint, type ThumbprintMembers } from '@countersign/sdk'
import type { JsonObject } from '../lib/index.ts'
import type { Signer, SigningAlgorithm } from './types.ts'

const RSA_BITS = 3072

/** A new key pair. The private half leaves this folder only sealed. */
export interface GeneratedKey {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly publicJwk: JsonObject
  readonly privateDer: Uint8Array
}

/** Makes a key pair for one algorithm; its kid is the RFC 7638 thumbprint of the public key (G-04). */
export function generateKey(alg: SigningAlgorithm): GeneratedKey {
  for (;;) {
    const key = generateAnyKey(alg)
    // One kid in 64 begins like a flag, and whoever has to revoke it must not have to think of that.
    if (!key.kid.startsWith('-')) return key
  }
}

function generateAnyKey(alg: SigningAlgorithm): GeneratedKey {
  const { publicKey, privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
        : generateKeyPairSync('ed25519')
  const publicJwk = publicKey.export({ format: 'jwk' }) as JsonObject
  return {
    kid: jwkThumbprint(publicJwk as unknown as ThumbprintMembers),
    alg,
    publicJwk,
    privateDer: privateKey.export({ format: 'der', type: 'pkcs8' }),
  }
}

/** Opens a private key for signing. The key object is cached in the signer: importing costs more than a signature. */
export function createSigner(kid: string, alg: SigningAlgorithm, privateDer: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.from(privateDer), format: 'der', type: 'pkcs8' })
  const digest = alg === 'Ed25519' ? null : 'sha256'
  return {
    kid,
    alg,
    sign(input) {
      const bytes = typeof input === 'string' ? Buffer.from(input) : input
      const signature = signBytes(digest, bytes, key)
      // node's own ieee-p1363 output costs about 30 microseconds more than this conversion (RFC 7518 section 3.4 wants r||s).
      return alg === 'ES256' ? derToConcat(signature) : signature
    },
  }
}

/** The raw 32 bytes of an Ed25519 public key. */
export function rawEd25519(publicJwk: JsonObject): Uint8Array {
  return Buffer.from(String(publicJwk['x']), 'base64url')
}

/** DER ECDSA-Sig-Value to the fixed 64 bytes of ES256. Input comes from our own signer, so its form is known to be DER. */
function derToConcat(der: Buffer): Buffer {
  const out = Buffer.alloc(64)
  // A P-256 signature is shorter than 128 bytes, so both lengths are single bytes.
  let offset = 2
  for (const end of [32, 64]) {
    const length = der[offset + 1] ?? 0
    const value = der.subarray(offset + 2, offset + 2 + length)
    const digits = value.length > 32 ? value.subarray(value.length - 32) : value
    digits.copy(out, end - digits.length)
    offset += 2 + length
  }
  return out
}
