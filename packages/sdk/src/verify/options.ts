import { CountersignError } from '../errors.ts'
import { createRemoteKeySet } from '../jwks/index.ts'
import { normalizeType } from '../jws/index.ts'
import { type Algorithm, createStaticKeySet, type KeySource, readAlgorithms } from '../keys/index.ts'
import type { ClaimRules } from './claims.ts'
import type { TokenVerifierOptions } from './token-verifier.ts'

/** Options of a verifier after every one has been checked. */
export interface VerifierRules extends ClaimRules {
  readonly algorithms: readonly Algorithm[]
  /** Normalised accepted types; undefined stands for absence. */
  readonly types: ReadonlySet<string | undefined>
  readonly keys: KeySource
  /** Whether the source was made here, and so ends with the verifier. */
  readonly ownsKeys: boolean
  /** Entries of the cache of repeated tokens; 0 for none. */
  readonly cacheEntries: number
}

/** The name of every option. */
export const VERIFIER_OPTIONS = {
  ...{ issuer: true, audience: true, algorithms: true, typ: true, jwks: true, jwksUri: true, keys: true, remote: true },
  ...{ clockToleranceSeconds: true, maxLifetimeSeconds: true, requireSubject: true, allowMultipleAudiences: true },
  ...{ cache: true, cacheEntries: true, revocations: true, now: true },
} satisfies Record<keyof TokenVerifierOptions, true>

const DEFAULT_CACHE_ENTRIES = 5000
const MAX_TOLERANCE_SECONDS = 60

/** Checks all options at once. @throws CountersignError `configuration_invalid` or `key_set_invalid`. */
export function readOptions(options: TokenVerifierOptions): VerifierRules {
  // `revocation` for `revocations`: what is ignored here is a check that nobody makes.
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(VERIFIER_OPTIONS, name)) throw invalid('there is an option that is not known')
  }
  const { issuer, audience, clockToleranceSeconds = 30, maxLifetimeSeconds = 86_400 } = options
  if (!isText(issuer)) throw invalid('"issuer" must be a non-empty string')
  // GHSA-g5h5-m4hm-xjrr: a verifier without an audience accepts tokens that were meant for somebody else.
  if (!isText(audience)) throw invalid('"audience" must be a non-empty string')
  if (!(clockToleranceSeconds >= 0 && clockToleranceSeconds <= MAX_TOLERANCE_SECONDS)) {
    throw invalid('"clockToleranceSeconds" must be 0 to 60')
  }
  if (!(maxLifetimeSeconds > 0 && Number.isFinite(maxLifetimeSeconds))) {
    throw invalid('"maxLifetimeSeconds" must be a positive number')
  }
  const { cacheEntries = DEFAULT_CACHE_ENTRIES } = options
  if (!(Number.isSafeInteger(cacheEntries) && cacheEntries > 0)) {
    throw invalid('"cacheEntries" must be a positive whole number')
  }
  // A promise of one, or an options object, would never be asked.
  const { revocations } = options
  if (revocations !== undefined && !(isFunction(revocations?.checkSync) && isFunction(revocations?.check))) {
    throw invalid('"revocations" must be a follower, or another object with checkSync and check')
  }
  const algorithms = readAlgorithms(options.algorithms)
  const types = readTypes(options.typ ?? 'at+jwt')
  const keys = readKeys(options, algorithms)
  if (keys.issuer !== undefined && keys.issuer !== issuer) throw invalid('"keys" belong to another issuer')
  return {
    issuer,
    audience,
    algorithms,
    types,
    keys,
    ownsKeys: options.keys === undefined,
    clockToleranceSeconds,
    maxLifetimeSeconds,
    allowMultipleAudiences: options.allowMultipleAudiences === true,
    requireSubject: options.requireSubject !== false,
    cacheEntries: options.cache === true ? cacheEntries : 0,
  }
}

function readTypes(typ: string | readonly (string | undefined)[]): ReadonlySet<string | undefined> {
  const list = typeof typ === 'string' ? [typ] : typ
  if (!Array.isArray(list) || list.length === 0 || !list.every((type) => type === undefined || isText(type))) {
    throw invalid('"typ" must be a type, or a non-empty list of types')
  }
  return new Set(list.map((type: string | undefined) => (type === undefined ? undefined : normalizeType(type))))
}

function readKeys(options: TokenVerifierOptions, algorithms: readonly Algorithm[]): KeySource {
  const { issuer, jwks, jwksUri, keys, now, remote } = options
  if ([jwks, jwksUri, keys].filter((source) => source !== undefined).length > 1) {
    throw invalid('only one of "jwks", "jwksUri" and "keys" may be given')
  }
  if (keys !== undefined) return keys
  if (jwks !== undefined) return createStaticKeySet(jwks, { issuer, algorithms })
  return createRemoteKeySet({
    ...remote,
    issuer,
    algorithms,
    ...(jwksUri !== undefined && { jwksUri }),
    ...(now !== undefined && { now }),
  })
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function invalid(reason: string): CountersignError {
  return new CountersignError('configuration_invalid', { reason })
}
