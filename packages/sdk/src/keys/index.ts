/**
 * Verification keys: from untrusted JWKs to keys bound to one algorithm, and the signature check itself.
 *
 * One path: `parseKeySet` (or `importJwk` for one key) checks and imports, a `KeySource` finds a key by kid, and
 * `verifySignature` checks bytes under it. To add an algorithm: one row in algorithms.ts, one case in jwk.ts and one in
 * signature.ts.
 */
export { ALGORITHMS, type Algorithm, DEFAULT_ALGORITHMS, isAlgorithm, readAlgorithms } from './algorithms.ts'
export { importJwk, type JwkFault, type VerificationKey } from './jwk.ts'
export { MAX_KEYS, type ParsedKeySet, parseKeySet, type SkippedKey } from './key-set.ts'
export { createKeyTable, type KeySource, type KeyTable, requireKey } from './key-source.ts'
export { verifySignature } from './signature.ts'
export { createStaticKeySet, type StaticKeySet, type StaticKeySetOptions } from './static-key-set.ts'
export { jwkThumbprint, type ThumbprintMembers } from './thumbprint.ts'
