import { hash, timingSafeEqual } from 'node:crypto'
import { CountersignError, isCountersignError } from '../errors.ts'
import {
  type JsonObject,
  type JwsHeader,
  normalizeType,
  parseProofJws,
  parseStrictJsonObject,
  type UnverifiedJws,
} from '../jws/index.ts'
import {
  type Algorithm,
  importJwk,
  isAlgorithm,
  readAlgorithms,
  type VerificationKey,
  verifySignature,
} from '../keys/index.ts'
import { createProofMemory } from './replay.ts'
import { normalizeTargetUri } from './target-uri.ts'

/** Options of {@link createDpopVerifier}. */
export interface DpopVerifierOptions {
  /** The current time; the system's clock when not given. */
  readonly now?: () => Date
  /** Allowed algorithms; ES256 and Ed25519 when not given. Symmetric ones do not exist here. */
  readonly algorithms?: readonly string[]
  /** How old a proof may be, in seconds: 60 when not given, at most 600. */
  readonly maxAgeSeconds?: number
  /** How far ahead a client's clock may be, in seconds: 30 when not given, at most 60. */
  readonly clockToleranceSeconds?: number
  /**
   * How single use is kept. `maxProofs` (500,000 when not given) is how many proofs are remembered in each of two
   * generations of `maxAgeSeconds + clockToleranceSeconds`; further ones are refused with `dpop_unavailable`, never taken
   * twice. `claimedByCaller` remembers nothing: the caller must refuse a (jkt, jti) that it has seen before `validUntil`,
   * as several processes that share a database do.
   */
  readonly replay?: { readonly maxProofs?: number } | { readonly claimedByCaller: true }
}

/** A proof as it arrived, and what it must be for. */
export interface DpopProofPresentation {
  /** The DPoP header: every value, when there can be several. */
  readonly proof: string | readonly string[] | undefined
  /** The method of the request, exactly. */
  readonly method: string
  /** The configured origin and the path of the request. Never made of the Host header, which is the caller's to choose. */
  readonly url: string
  /** The access token that came with the proof; none at a token endpoint. */
  readonly accessToken?: string
  /** The `cnf.jkt` of that token. */
  readonly thumbprint?: string
  /** The nonces that are accepted; when given, the proof must hold one of them. */
  readonly nonce?: string | readonly string[]
}

/** A proof that has passed every check. */
export interface VerifiedDpopProof {
  /** RFC 7638 thumbprint of the key that made the proof; a token is bound to it as `cnf.jkt`. */
  readonly jkt: string
  readonly jti: string
  readonly issuedAt: Date
  /** Until when the same proof would pass again, if it were not remembered. */
  readonly validUntil: Date
}

/** Verifies proofs of possession. */
export interface DpopVerifier {
  /** The allowed algorithms, for the `algs` of a challenge. */
  readonly algorithms: readonly string[]
  /**
   * What the proof says, once everything has been checked (RFC 9449 section 4.3); afterwards it is used up.
   * @throws CountersignError `dpop_proof_invalid`; `dpop_proof_replayed`; `dpop_nonce_mismatch` when a nonce is required and is
   * another; `sender_constraint_failed` when a good proof is of another key than the token's; `dpop_unavailable` (retryable)
   * when no more proofs can be remembered.
   */
  verify(presentation: DpopProofPresentation): VerifiedDpopProof
}

const MAX_PROOF_LENGTH = 8192
const MAX_JTI_LENGTH = 256
const DEFAULT_MAX_PROOFS = 500_000

/**
 * A strict verifier of DPoP proofs (RFC 9449 section 4.3): exactly one, of this type, signed by the asymmetric key that it
 * carries, for this method, target and token, made now, and not seen before.
 *
 * @throws CountersignError `configuration_invalid`.
 * @example
 * const dpop = createDpopVerifier()
 * const { jkt } = dpop.verify({ proof: headers.dpop, method: 'POST', url: 'https://sts.acme.example/oauth/token' })
 */
export function createDpopVerifier(options: DpopVerifierOptions = {}): DpopVerifier {
  const { now, maxAgeSeconds = 60, clockToleranceSeconds = 30, replay = {} } = options
  const algorithms = readAlgorithms(options.algorithms ?? ['ES256', 'Ed25519'])
  if (!(maxAgeSeconds > 0 && maxAgeSeconds <= 600))
    throw invalidOption('"maxAgeSeconds" must be above 0 and at most 600')
  if (!(clockToleranceSeconds >= 0 && clockToleranceSeconds <= 60)) {
    throw invalidOption('"clockToleranceSeconds" must be 0 to 60')
  }
  const memory = readReplay(replay, maxAgeSeconds + clockToleranceSeconds)
  // By header: the proofs of one key have one, and importing a key costs as much as a signature.
  const keys = new WeakMap<JwsHeader, VerificationKey>()

  function keyOf(header: JwsHeader): VerificationKey {
    const known = keys.get(header)
    if (known !== undefined) return known
    const key = importProofKey(header, algorithms)
    keys.set(header, key)
    return key
  }

  function verify(presentation: DpopProofPresentation): VerifiedDpopProof {
    const nowSeconds = (now === undefined ? Date.now() : now().getTime()) / 1000
    const { jws, claims } = parseProof(presentation.proof)
    const key = keyOf(jws.header)
    if (!verifySignature(key, jws.signingInput, jws.signature)) throw refused('its signature does not verify')
    verifyTarget(claims, presentation)
    const issuedAt = verifyTimes(claims, nowSeconds, maxAgeSeconds, clockToleranceSeconds)
    const jti = textClaim(claims, 'jti', MAX_JTI_LENGTH)
    verifyAccessToken(claims, presentation.accessToken)
    verifyNonce(claims, presentation.nonce)
    // RFC 9449 section 4.3, step 12: whoever holds the token must be whoever made the proof.
    if (presentation.thumbprint !== undefined && !isSameText(presentation.thumbprint, key.thumbprint)) {
      throw new CountersignError('sender_constraint_failed', { reason: 'the proof is of another key' })
    }
    const validUntil = issuedAt + maxAgeSeconds
    // Last, so that only proofs that are good in every other way take up room (RFC 9449 section 11.1).
    if (memory !== undefined) {
      const claim = memory.claim(hash('sha256', `${key.thumbprint}.${jti}`, 'binary'), validUntil, nowSeconds)
      if (claim === 'full') throw new CountersignError('dpop_unavailable')
      if (claim !== 'claimed') throw new CountersignError('dpop_proof_replayed')
    }
    return {
      jkt: key.thumbprint,
      jti,
      issuedAt: new Date(issuedAt * 1000),
      validUntil: new Date(validUntil * 1000),
    }
  }

  return { algorithms: Object.freeze([...algorithms]), verify }
}

function readReplay(replay: NonNullable<DpopVerifierOptions['replay']>, generationSeconds: number) {
  if ('claimedByCaller' in replay) {
    if (replay.claimedByCaller !== true) throw invalidOption('"replay.claimedByCaller" can only be true')
    return undefined
  }
  const { maxProofs = DEFAULT_MAX_PROOFS } = replay
  if (!(Number.isSafeInteger(maxProofs) && maxProofs > 0)) {
    throw invalidOption('"replay.maxProofs" must be a positive whole number')
  }
  return createProofMemory(maxProofs, generationSeconds)
}

interface ParsedProof {
  readonly jws: UnverifiedJws
  readonly claims: JsonObject
}

function parseProof(presented: DpopProofPresentation['proof']): ParsedProof {
  const list: readonly unknown[] = Array.isArray(presented) ? presented : [presented]
  const [proof] = list
  if (presented === undefined || list.length === 0) throw refused('there is none')
  // RFC 9449 section 4.3, step 1. Values that a server has joined hold a comma, which no compact JWS does.
  if (list.length > 1) throw refused('there are several')
  if (typeof proof !== 'string') throw refused('it is not a string')
  if (proof.length > MAX_PROOF_LENGTH) throw refused('it is too large')
  try {
    const jws = parseProofJws(proof)
    return { jws, claims: parseStrictJsonObject(jws.unverifiedPayload) }
  } catch (error) {
    throw asProofError(error)
  }
}

function importProofKey(header: JwsHeader, algorithms: readonly Algorithm[]): VerificationKey {
  // V-14: nothing else that was ever signed with the key passes for a proof.
  if (header.typ === undefined || normalizeType(header.typ) !== 'application/dpop+jwt')
    throw refused('its type is another')
  const { alg } = header
  if (!isAlgorithm(alg) || !algorithms.includes(alg)) throw refused('its algorithm is not allowed')
  const jwk = own(header.members, 'jwk')
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw refused('it holds no key')
  try {
    // As strict as for the keys of an issuer: public members only, on the curve, of acceptable size (V-09, V-10).
    return importJwk(jwk as JsonObject, [alg])
  } catch (error) {
    throw asProofError(error)
  }
}

// RFC 9449 section 4.3, steps 8 and 9.
function verifyTarget(claims: JsonObject, { method, url }: DpopProofPresentation): void {
  if (typeof method !== 'string' || own(claims, 'htm') !== method) throw refused('it is for another method')
  const target = normalizeTargetUri(url)
  if (target === undefined || normalizeTargetUri(own(claims, 'htu')) !== target)
    throw refused('it is for another target')
}

// RFC 9449 section 4.3, step 11, and section 11.1. Written so that a clock that is not a number refuses.
function verifyTimes(claims: JsonObject, now: number, maxAgeSeconds: number, toleranceSeconds: number): number {
  const iat = numericClaim(claims, 'iat')
  if (iat === undefined) throw refused('"iat" is missing')
  if (!(iat <= now + toleranceSeconds)) throw refused('it was made in the future')
  if (!(now < iat + maxAgeSeconds)) throw refused('it is too old')
  // Not required; binding where a client sets them (RFC 7519 sections 4.1.4 and 4.1.5).
  const exp = numericClaim(claims, 'exp')
  if (exp !== undefined && !(now < exp + toleranceSeconds)) throw refused('it has expired')
  const nbf = numericClaim(claims, 'nbf')
  if (nbf !== undefined && !(nbf <= now + toleranceSeconds)) throw refused('it is not valid yet')
  return iat
}

// RFC 9449 section 4.3, step 12: a proof that was made for one token is not carried over to another.
function verifyAccessToken(claims: JsonObject, accessToken: string | undefined): void {
  if (accessToken === undefined) return
  const ath = own(claims, 'ath')
  if (typeof ath !== 'string' || !isSameText(ath, hash('sha256', accessToken, 'base64url'))) {
    throw refused('it is for another token')
  }
}

// RFC 9449 section 4.3, step 10.
function verifyNonce(claims: JsonObject, accepted: DpopProofPresentation['nonce']): void {
  if (accepted === undefined) return
  const nonce = own(claims, 'nonce')
  const list = typeof accepted === 'string' ? [accepted] : accepted
  if (typeof nonce !== 'string' || !list.some((one) => isSameText(one, nonce))) {
    throw new CountersignError('dpop_nonce_mismatch')
  }
}

function isSameText(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

function textClaim(claims: JsonObject, name: 'jti', maxLength: number): string {
  const value = own(claims, name)
  if (typeof value !== 'string' || value === '' || value.length > maxLength) {
    throw refused(`"${name}" is missing or not a string of 1 to ${maxLength} characters`)
  }
  return value
}

function numericClaim(claims: JsonObject, name: 'iat' | 'exp' | 'nbf'): number | undefined {
  const value = own(claims, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= 0 && value < 2 ** 43)) throw refused(`"${name}" is not a NumericDate`)
  return value
}

function own(members: JsonObject, name: string): JsonObject[string] | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

function asProofError(error: unknown): unknown {
  return isCountersignError(error)
    ? new CountersignError('dpop_proof_invalid', { reason: error.message, cause: error })
    : error
}

function refused(reason: string): CountersignError {
  return new CountersignError('dpop_proof_invalid', { reason })
}

function invalidOption(reason: string): CountersignError {
  return new CountersignError('configuration_invalid', { reason })
}
