import { CountersignError } from '../errors.ts'
import type { RemoteKeySetOptions } from '../jwks/index.ts'
import { type JsonObject, type JwsHeader, normalizeType, type UnverifiedJws } from '../jws/index.ts'
import { type Algorithm, isAlgorithm, type KeySource, type VerificationKey, verifySignature } from '../keys/index.ts'
import { type TokenClaims, verifyClaims, verifyIssuer, verifyTimes } from './claims.ts'
import { readOptions, type VerifierRules } from './options.ts'
import { type RevocationCheck, requireAccepted } from './revocation-check.ts'
import { createTokenCache } from './token-cache.ts'
import { parseUnverifiedToken, UnverifiedToken } from './unverified-token.ts'

/** Options of {@link createTokenVerifier}. */
export interface TokenVerifierOptions {
  /** Who must have signed: compared exactly, character by character. */
  readonly issuer: string
  /** Whom the token must be for: this API's own identifier, compared exactly. */
  readonly audience: string
  /** Allowed algorithms; ES256, RS256 and Ed25519 when not given. `EdDSA` only when named here. */
  readonly algorithms?: readonly string[]
  /** Accepted `typ`; `at+jwt` (RFC 9068) when not given. In a list, `undefined` accepts tokens without one. */
  readonly typ?: string | readonly (string | undefined)[]
  /** The issuer's keys at hand, as an object or as the text of a file. */
  readonly jwks?: JsonObject | string
  /** Where the issuer publishes its keys. When neither this nor `jwks` nor `keys` is given, the issuer's discovery document says. */
  readonly jwksUri?: string
  /** A key source that is shared or configured elsewhere; the caller closes it. */
  readonly keys?: KeySource
  /** How keys are fetched, when they are; see {@link RemoteKeySetOptions}. */
  readonly remote?: Omit<RemoteKeySetOptions, 'issuer' | 'jwksUri' | 'algorithms' | 'now'>
  /** How far clocks may be apart, in seconds: 30 when not given, at most 60. */
  readonly clockToleranceSeconds?: number
  /** Longest accepted exp - iat, in seconds; one day when not given. */
  readonly maxLifetimeSeconds?: number
  /** `false` accepts tokens without `sub`. */
  readonly requireSubject?: boolean
  /** `true` accepts tokens that name other audiences too, which their receivers could present here. */
  readonly allowMultipleAudiences?: boolean
  /** Remembers verified tokens by their SHA-256, so that a repeated one costs no signature check. */
  readonly cache?: boolean
  /** How many, in each of two generations; 5,000 when not given. */
  readonly cacheEntries?: number
  /**
   * Who says whether a token has been revoked, such as a follower of the issuer (`@countersign/sdk/follow`); the caller closes it. It
   * is asked at every use of a token, also of a remembered one.
   */
  readonly revocations?: RevocationCheck
  /** The current time; the system's clock when not given. */
  readonly now?: () => Date
}

/** A token that has passed every check. Only a verifier makes one. */
export interface VerifiedToken {
  /** The members of the protected header. Frozen. */
  readonly header: JsonObject & { readonly alg: Algorithm; readonly kid?: string; readonly typ?: string }
  readonly claims: TokenClaims
  /** RFC 7638 thumbprint of the key that verified the signature. */
  readonly keyThumbprint: string
  readonly kid: string | undefined
}

/** Verifies the tokens of one issuer for one audience. */
export interface TokenVerifier {
  /**
   * The token's header and claims, once everything has been checked.
   * @throws CountersignError for every token that is not accepted; `keys_unavailable` (retryable) when the issuer's keys
   * cannot be obtained; `revocation_unavailable` (retryable) when nobody can say whether the token has been revoked. A
   * token that was read by `parseUnverifiedToken` is not read again.
   */
  verify(token: string | UnverifiedToken): Promise<VerifiedToken>
  /**
   * The same without a promise, when the key is at hand. `undefined` says only that keys, or word on revocations, must be
   * obtained first, which {@link TokenVerifier.verify} does; it is never an acceptance.
   * @throws CountersignError for every token that is not accepted.
   */
  verifySync(token: string | UnverifiedToken): VerifiedToken | undefined
  /** Ends the fetching that this verifier started. */
  close(): void
}

/**
 * A strict verifier of JWTs (RFC 8725, RFC 9068): format, header, issuer and key, signature, claims, revocation, in this
 * order, so that nothing is done on the word of an unverified token; a foreign or unsigned one causes no fetch (V-25).
 *
 * @throws CountersignError `configuration_invalid` or `key_set_invalid` when the options cannot be used.
 * @example
 * const verifier = createTokenVerifier({ issuer: 'https://sts.acme.example', audience: 'https://orders.acme.internal' })
 * const { claims } = await verifier.verify(token)
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const rules = readOptions(options)
  const { now, revocations } = options
  const nowSeconds = (): number => (now === undefined ? Date.now() : now().getTime()) / 1000
  const cache = rules.cacheEntries > 0 ? createTokenCache(rules.cacheEntries) : undefined

  function complete(admitted: AdmittedJws, key: VerificationKey): VerifiedToken {
    const verified = verifyWithKey(admitted, key, rules, nowSeconds())
    return cache === undefined ? verified : cache.remember(admitted.text, verified)
  }

  function recall(token: string): VerifiedToken | undefined {
    const known = cache?.recall(token)
    if (known === undefined) return undefined
    // A key that has left the set takes its tokens with it, and time goes on.
    const key = rules.keys.peek(known.kid, known.header.alg)
    if (key?.thumbprint !== known.keyThumbprint) return undefined
    verifyTimes(known.claims, rules, nowSeconds())
    return known
  }

  function verifySignedSync(token: string | UnverifiedToken): VerifiedToken | undefined {
    const known = typeof token === 'string' ? recall(token) : undefined
    if (known !== undefined) return known
    const admitted = admit(token, rules)
    const { kid, alg } = admitted.jws.header
    const key = rules.keys.peek(kid, alg)
    return key === undefined ? undefined : complete(admitted, key)
  }

  return {
    verifySync(token) {
      const verified = verifySignedSync(token)
      if (verified === undefined || revocations === undefined) return verified
      const verdict = revocations.checkSync(verified)
      if (verdict === undefined) return undefined
      requireAccepted(verdict)
      return verified
    },
    async verify(token) {
      let verified = typeof token === 'string' ? recall(token) : undefined
      if (verified === undefined) {
        const admitted = admit(token, rules)
        const { kid, alg } = admitted.jws.header
        verified = complete(admitted, rules.keys.peek(kid, alg) ?? (await rules.keys.find(kid, alg)))
      }
      // V-20. Asked last, and at each use: what is remembered of a token says nothing about its revocation.
      if (revocations !== undefined) {
        requireAccepted(revocations.checkSync(verified) ?? (await revocations.check(verified)))
      }
      return verified
    },
    close() {
      if (rules.ownsKeys) rules.keys.close()
    },
  }
}

interface AdmittedJws {
  readonly text: string
  readonly jws: UnverifiedJws
  readonly unverifiedClaims: JsonObject
}

// Format, header, issuer: all that is decided before a key is looked for.
function admit(token: string | UnverifiedToken, rules: VerifierRules): AdmittedJws {
  const { text, jws, claims } = UnverifiedToken.open(
    token instanceof UnverifiedToken ? token : parseUnverifiedToken(token),
  )
  verifyHeader(jws.header, rules)
  verifyIssuer(claims, rules.issuer)
  return { text, jws, unverifiedClaims: claims }
}

function verifyHeader(header: JwsHeader, rules: VerifierRules): void {
  // V-05: exact and case-sensitive, so `none` in any spelling and the HMAC family cannot match.
  if (!isAlgorithm(header.alg) || !rules.algorithms.includes(header.alg))
    throw new CountersignError('algorithm_refused')
  // V-14; RFC 8725 section 3.11: one kind of token is never taken for another.
  const type = header.typ === undefined ? undefined : normalizeType(header.typ)
  if (!rules.types.has(type)) throw new CountersignError('token_type_refused')
}

function verifyWithKey(admitted: AdmittedJws, key: VerificationKey, rules: VerifierRules, now: number): VerifiedToken {
  const { header, signingInput, signature } = admitted.jws
  // V-06: whatever the source answered, the key's algorithm is the one that runs.
  if (key.alg !== header.alg) throw new CountersignError('algorithm_refused')
  if (!verifySignature(key, signingInput, signature)) throw new CountersignError('signature_invalid')
  return {
    header: header.members as VerifiedToken['header'],
    claims: verifyClaims(admitted.unverifiedClaims, rules, now),
    keyThumbprint: key.thumbprint,
    kid: header.kid,
  }
}
