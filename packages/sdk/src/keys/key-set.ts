import { CountersignError } from '../errors.ts'
import { type JsonObject, type JsonValue, MAX_KID_LENGTH } from '../jws/index.ts'
import type { Algorithm } from './algorithms.ts'
import { isSecretJwk, type JwkFault, readJwk, type VerificationKey } from './jwk.ts'

/** Most keys that a set may hold (J-07). */
export const MAX_KEYS = 64

/** A key of a set that was left out, and why. Holds nothing but the public kid. */
export interface SkippedKey {
  readonly kid: string | undefined
  readonly fault: JwkFault
}

/** The usable keys of a JWK set, and the report on the others. */
export interface ParsedKeySet {
  readonly keys: readonly VerificationKey[]
  readonly skipped: readonly SkippedKey[]
}

/**
 * The verification keys of a JWK set (RFC 7517 section 5). A key that cannot be used is left out and reported. The set
 * is refused as a whole when whoever published it has lost control of it: a secret or symmetric key, two keys of one
 * kid, more than {@link MAX_KEYS} keys (V-07, V-09, J-07).
 * @throws CountersignError `key_set_invalid`.
 */
export function parseKeySet(jwks: JsonObject, algorithms: readonly Algorithm[]): ParsedKeySet {
  const entries = Object.hasOwn(jwks, 'keys') ? jwks['keys'] : undefined
  if (!Array.isArray(entries)) throw refused('it has no list of keys')
  if (entries.length > MAX_KEYS) throw refused('it has too many keys')
  const keys: VerificationKey[] = []
  const skipped: SkippedKey[] = []
  const kids = new Set<string>()
  for (const entry of entries as readonly JsonValue[]) {
    if (!isObject(entry)) {
      skipped.push({ kid: undefined, fault: 'not_an_object' })
      continue
    }
    if (isSecretJwk(entry)) throw refused('it publishes a symmetric or private key')
    const kid = Object.hasOwn(entry, 'kid') ? entry['kid'] : undefined
    if (typeof kid === 'string') {
      if (kids.has(kid)) throw refused('two of its keys have the same kid')
      kids.add(kid)
    }
    const reading = readJwk(entry, algorithms)
    if (reading.ok) keys.push(reading.key)
    else {
      const named = typeof kid === 'string' && kid.length <= MAX_KID_LENGTH
      skipped.push({ kid: named ? kid : undefined, fault: reading.fault })
    }
  }
  return { keys, skipped }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(reason: string): CountersignError {
  return new CountersignError('key_set_invalid', { reason })
}
