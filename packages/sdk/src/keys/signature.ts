import { constants, verify } from 'node:crypto'
import { ALGORITHMS } from './algorithms.ts'
import { ecdsaSignatureToDer } from './ecdsa.ts'
import type { VerificationKey } from './jwk.ts'

/**
 * Whether the signature over these bytes verifies under this key with the key's own algorithm. Any input gives an
 * answer; nothing is thrown. Synchronous: on cached keys that costs less than a trip to the thread pool.
 */
export function verifySignature(key: VerificationKey, signingInput: Uint8Array, signature: Uint8Array): boolean {
  // Exact lengths: RFC 8017 section 8.2.2 step 1, RFC 7518 section 3.4, RFC 8032 section 5.1.7.
  if (signature.length !== key.signatureBytes) return false
  switch (key.alg) {
    case 'RS256':
    case 'RS384':
    case 'RS512':
      return verify(ALGORITHMS[key.alg].hash, signingInput, key.publicKey, signature)
    case 'PS256':
    case 'PS384':
    case 'PS512':
      return verify(
        ALGORITHMS[key.alg].hash,
        signingInput,
        // RFC 7518 section 3.5: the salt has exactly the size of the hash.
        {
          key: key.publicKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        },
        signature,
      )
    case 'ES256':
    case 'ES384':
    case 'ES512': {
      const der = ecdsaSignatureToDer(key.alg, signature)
      return der !== undefined && verify(ALGORITHMS[key.alg].hash, signingInput, key.publicKey, der)
    }
    case 'Ed25519':
    case 'EdDSA':
      return verify(null, signingInput, key.publicKey, signature)
  }
}
