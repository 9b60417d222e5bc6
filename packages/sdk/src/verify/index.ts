/**
 * Verification of tokens, in process. The entry point `@countersign/sdk/verify`.
 *
 * `createTokenVerifier` reads as the order of checks: format, header, issuer and key, signature, claims, revocation.
 * `verifyJws` is the signature alone, under one key. A further claim check is one function in claims.ts, called from `verifyClaims`.
 */
export {
  CountersignError,
  type CountersignErrorCode,
  type CountersignErrorOptions,
  isCountersignError,
} from '../errors.ts'
export { createStaticKeySet, type KeySource, type StaticKeySet, type StaticKeySetOptions } from '../keys/index.ts'
export type { TokenClaims } from './claims.ts'
export type { RevocationCheck, RevocationVerdict } from './revocation-check.ts'
export {
  createTokenVerifier,
  type TokenVerifier,
  type TokenVerifierOptions,
  type VerifiedToken,
} from './token-verifier.ts'
export { parseUnverifiedToken, UnverifiedToken } from './unverified-token.ts'
export { type VerifiedJws, type VerifyJwsOptions, verifyJws } from './verify-jws.ts'
