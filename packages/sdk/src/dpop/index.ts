/**
 * Proof of possession by DPoP (RFC 9449): making proofs, and verifying them.
 *
 * `createDpopKey` makes a key pair and proofs of it, for whoever calls an API. `createDpopVerifier` checks a proof against
 * the request that it came with: parsed, signed, for this target, made now, for this token, seen first, in this order. A
 * further claim check is one function in verifier.ts. The nonces of a server are in nonces.ts.
 */
export { createDpopKey, type DpopKey, type DpopKeyOptions, type DpopProofRequest } from './key.ts'
export { createDpopNonces, type DpopNonces, type DpopNoncesOptions } from './nonces.ts'
export {
  createDpopVerifier,
  type DpopProofPresentation,
  type DpopVerifier,
  type DpopVerifierOptions,
  type VerifiedDpopProof,
} from './verifier.ts'
