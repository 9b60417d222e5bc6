import { CountersignError } from '../errors.ts'

/** The signature algorithms that can be allowed: asymmetric only. `none` and the HMAC family do not exist here (V-05). */
export const ALGORITHMS = {
  RS256: { kty: 'RSA', hash: 'sha256', pss: false },
  RS384: { kty: 'RSA', hash: 'sha384', pss: false },
  RS512: { kty: 'RSA', hash: 'sha512', pss: false },
  PS256: { kty: 'RSA', hash: 'sha256', pss: true },
  PS384: { kty: 'RSA', hash: 'sha384', pss: true },
  PS512: { kty: 'RSA', hash: 'sha512', pss: true },
  ES256: { kty: 'EC', hash: 'sha256', crv: 'P-256' },
  ES384: { kty: 'EC', hash: 'sha384', crv: 'P-384' },
  ES512: { kty: 'EC', hash: 'sha512', crv: 'P-521' },
  /** RFC 9864 section 2.2. */
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
  /** The polymorphic name of RFC 8037; only with an Ed25519 key, and only where it is configured. */
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
} as const

/** The name of a signature algorithm that can be allowed, exactly as it stands in a header (RFC 7518 section 3.1, RFC 9864). */
export type Algorithm = keyof typeof ALGORITHMS

/** What is allowed when a caller does not say. */
export const DEFAULT_ALGORITHMS: readonly Algorithm[] = ['ES256', 'RS256', 'Ed25519']

/** Whether a name is one of {@link ALGORITHMS}; case-sensitive (RFC 7515 section 4.1.1). */
export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === 'string' && Object.hasOwn(ALGORITHMS, name)
}

/**
 * A caller's allowlist, checked; {@link DEFAULT_ALGORITHMS} when there is none. There is no way to say "all" (V-05).
 * @throws CountersignError `configuration_invalid` for an empty list and for names that are not known here.
 */
export function readAlgorithms(algorithms: readonly string[] = DEFAULT_ALGORITHMS): readonly Algorithm[] {
  if (!Array.isArray(algorithms) || algorithms.length === 0 || !algorithms.every(isAlgorithm)) {
    const known = Object.keys(ALGORITHMS).join(', ')
    throw new CountersignError('configuration_invalid', { reason: `"algorithms" must be a list of some of ${known}` })
  }
  return [...algorithms]
}
