import { CountersignError } from '../errors.ts'
import type { VerificationKey } from './jwk.ts'
import type { SkippedKey } from './key-set.ts'

/** The keys of one issuer, wherever they come from. Keys of two issuers are never in one source (V-15). */
export interface KeySource {
  /** The only issuer whose tokens these keys may verify; undefined when the source was made without one. */
  readonly issuer: string | undefined
  /**
   * The key for a token with this kid and algorithm when it is known right now, else undefined. Never fetches and never
   * answers from keys that are too old. Without a kid: the only usable key, when there is exactly one (V-07).
   */
  peek(kid: string | undefined, alg: string): VerificationKey | undefined
  /**
   * The same, obtaining the keys first when they are not there.
   * @throws CountersignError `key_unknown`, `algorithm_refused`, `keys_unavailable`, or the code of a fetch that failed.
   */
  find(kid: string | undefined, alg: string): Promise<VerificationKey>
  /** Whether the keys at hand hold this kid; never fetches. */
  has(kid: string): boolean
  /** The kids of the keys at hand. */
  cachedKids(): readonly string[]
  /** Obtains the keys ahead of use. @throws CountersignError when that fails. */
  prefetch(): Promise<void>
  /** Ends whatever the source has running. Afterwards it answers from nothing. */
  close(): void
}

/** Lookup over the keys of one set at one time. */
export interface KeyTable {
  readonly keys: readonly VerificationKey[]
  readonly skipped: readonly SkippedKey[]
  /** The key, or why there is none: `unknown` may change with a newer set, `algorithm` may not. */
  lookup(kid: string | undefined, alg: string): VerificationKey | 'unknown' | 'algorithm'
  has(kid: string): boolean
  kids(): readonly string[]
}

/** Indexes parsed keys by kid. The kid is an opaque string that is only ever compared (V-07). */
export function createKeyTable(keys: readonly VerificationKey[], skipped: readonly SkippedKey[]): KeyTable {
  const byKid = new Map<string, VerificationKey>()
  for (const key of keys) if (key.kid !== undefined) byKid.set(key.kid, key)
  const only = keys.length === 1 ? keys[0] : undefined
  return {
    keys,
    skipped,
    lookup(kid, alg) {
      const key = kid === undefined ? only : byKid.get(kid)
      if (key === undefined) return 'unknown'
      return key.alg === alg ? key : 'algorithm'
    },
    has: (kid) => byKid.has(kid),
    kids: () => [...byKid.keys()],
  }
}

/** The key of a lookup. @throws CountersignError `key_unknown` or `algorithm_refused`. */
export function requireKey(found: VerificationKey | 'unknown' | 'algorithm'): VerificationKey {
  if (found === 'unknown') throw new CountersignError('key_unknown')
  if (found === 'algorithm')
    throw new CountersignError('algorithm_refused', { reason: 'the key has another algorithm' })
  return found
}
