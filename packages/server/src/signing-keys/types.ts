import type { JsonObject } from '../lib/index.ts'

/** Algorithms of our own tokens. */
export type SigningAlgorithm = 'ES256' | 'RS256' | 'Ed25519'

/** A private key opened for signing in this process. */
export interface Signer {
  readonly kid: string
  readonly alg: SigningAlgorithm
  /** The JWS signature (raw bytes: r||s for ES256) over the input. */
  sign(input: string | Uint8Array): Uint8Array
}

/** The key set over time (design section 9). One active key per purpose and algorithm. */
export interface KeyRing {
  /** The active signer for access tokens. @throws ServiceError seal_key_missing when the keys are sealed. */
  active(alg?: SigningAlgorithm): Signer
  /** The Ed25519 signer of audit checkpoints, which signs nothing else. */
  checkpointSigner(): Signer
  /** The Ed25519 signer of receipts, which signs nothing else. */
  receiptSigner(): Signer
  /** Public keys that verifiers must know now: published, active, retired. Computed from state at call time. */
  jwks(): { keys: readonly JsonObject[] }
}
