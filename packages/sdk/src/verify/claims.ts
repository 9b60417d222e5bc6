import { CountersignError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../jws/index.ts'

/** The claims of a verified token. Every member is covered by the signature; the named ones have been checked. */
export type TokenClaims = JsonObject & {
  readonly iss: string
  readonly aud: string | readonly string[]
  /** NumericDate, seconds. */
  readonly exp: number
  /** Absent only where `requireSubject` is false. */
  readonly sub?: string
  readonly iat?: number
  readonly nbf?: number
}

/** What the claims of an issuer's tokens must satisfy. */
export interface ClaimRules {
  readonly issuer: string
  readonly audience: string
  readonly allowMultipleAudiences: boolean
  readonly requireSubject: boolean
  readonly maxLifetimeSeconds: number
  readonly clockToleranceSeconds: number
}

const MAX_SUBJECT_BYTES = 2048
const TWO_TO_53 = 2 ** 53

/**
 * The issuer claim of a payload whose signature is not verified yet, compared before any key is looked for (V-25): a
 * foreign token must not cause a fetch. Exact: no case folding, no trailing slash, no list (V-15; T16).
 * @throws CountersignError `claim_missing`, `claim_invalid` or `issuer_mismatch`.
 */
export function verifyIssuer(unverified: JsonObject, issuer: string): void {
  const iss = own(unverified, 'iss')
  if (iss === undefined) throw new CountersignError('claim_missing', { reason: 'iss' })
  if (typeof iss !== 'string') throw new CountersignError('claim_invalid', { reason: 'iss is not a string' })
  if (iss !== issuer) throw new CountersignError('issuer_mismatch')
}

/**
 * The claims as typed and checked, once the signature has been: audience, subject, then times (RFC 7519 section 4.1).
 * @throws CountersignError `claim_missing`, `claim_invalid`, `audience_mismatch`, `subject_invalid`, `token_expired`,
 * `token_not_yet_valid` or `token_lifetime_exceeded`.
 */
export function verifyClaims(payload: JsonObject, rules: ClaimRules, nowSeconds: number): TokenClaims {
  verifyIssuer(payload, rules.issuer)
  verifyAudience(payload, rules)
  verifySubject(payload, rules)
  verifyTimes(payload, rules, nowSeconds)
  return payload as TokenClaims
}

// V-16; CVE-2024-5798, GHSA-g5h5-m4hm-xjrr. A token for several audiences can be carried from one to the other.
function verifyAudience(payload: JsonObject, rules: ClaimRules): void {
  const aud = own(payload, 'aud')
  if (aud === undefined) throw new CountersignError('claim_missing', { reason: 'aud' })
  if (typeof aud === 'string') {
    if (aud !== rules.audience) throw new CountersignError('audience_mismatch')
    return
  }
  if (!Array.isArray(aud) || aud.length === 0 || !aud.every((member) => typeof member === 'string')) {
    throw new CountersignError('claim_invalid', { reason: 'aud is neither a string nor a list of strings' })
  }
  if (!aud.includes(rules.audience)) throw new CountersignError('audience_mismatch')
  if (aud.length > 1 && !rules.allowMultipleAudiences) {
    throw new CountersignError('audience_mismatch', { reason: 'the token is for several audiences' })
  }
}

// V-18; RFC 7519 section 4.1.2.
function verifySubject(payload: JsonObject, rules: ClaimRules): void {
  const sub = own(payload, 'sub')
  if (sub === undefined) {
    if (rules.requireSubject) throw new CountersignError('subject_invalid', { reason: 'it is missing' })
    return
  }
  if (typeof sub !== 'string' || sub === '' || Buffer.byteLength(sub) > MAX_SUBJECT_BYTES) {
    throw new CountersignError('subject_invalid', { reason: 'it is not a string of 1 to 2048 bytes' })
  }
}

/**
 * The times of verified claims (V-17; GHSA-wxg7-w2v3-w38g: a missing exp must never mean "for ever"). Comparisons are
 * written so that a clock that is not a number refuses.
 * @throws CountersignError as {@link verifyClaims}.
 */
export function verifyTimes(payload: JsonObject, rules: ClaimRules, nowSeconds: number): void {
  const { clockToleranceSeconds: tolerance, maxLifetimeSeconds } = rules
  const exp = numericDate(payload, 'exp')
  const iat = numericDate(payload, 'iat')
  const nbf = numericDate(payload, 'nbf')
  if (exp === undefined) throw new CountersignError('claim_missing', { reason: 'exp' })
  if (!(nowSeconds < exp + tolerance)) throw new CountersignError('token_expired')
  if (nbf !== undefined && !(nbf <= nowSeconds + tolerance)) throw new CountersignError('token_not_yet_valid')
  if (iat !== undefined) {
    if (!(iat <= nowSeconds + tolerance)) {
      throw new CountersignError('token_not_yet_valid', { reason: 'it was issued in the future' })
    }
    if (exp - iat > maxLifetimeSeconds) throw new CountersignError('token_lifetime_exceeded')
  }
  // Without iat, what remains is a lower bound of the lifetime.
  if (exp - nowSeconds > maxLifetimeSeconds + tolerance) throw new CountersignError('token_lifetime_exceeded')
}

// RFC 7519 section 2. JSON.parse turns 1e999 into Infinity, which would be later than every now.
function numericDate(payload: JsonObject, name: 'exp' | 'iat' | 'nbf'): number | undefined {
  const value = own(payload, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0 || value >= TWO_TO_53) {
    throw new CountersignError('claim_invalid', { reason: `${name} is not a NumericDate` })
  }
  return value
}

function own(payload: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(payload, name) ? payload[name] : undefined
}
