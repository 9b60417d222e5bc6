import { CountersignError } from '../errors.ts'
import { type JsonObject, parseStrictJsonObject } from '../jws/index.ts'
import { readAlgorithms } from './algorithms.ts'
import { parseKeySet, type SkippedKey } from './key-set.ts'
import { createKeyTable, type KeySource, requireKey } from './key-source.ts'

/** Options of {@link createStaticKeySet}. */
export interface StaticKeySetOptions {
  /** Binds the keys to this issuer: a verifier of another issuer refuses the source (V-15). */
  readonly issuer?: string
  /** Allowed algorithms; ES256, RS256 and Ed25519 when not given. */
  readonly algorithms?: readonly string[]
}

/** A key source that never changes and never fetches. */
export interface StaticKeySet extends KeySource {
  /** Keys of the set that cannot be used, and why. */
  readonly skipped: readonly SkippedKey[]
}

/**
 * A key source over a JWK set that is at hand: an object, or the text of a file, which is then read strictly.
 * The set is copied, so later changes to the object have no effect.
 *
 * @throws CountersignError `key_set_invalid` when the set is refused as a whole, `configuration_invalid`.
 * @example
 * const keys = createStaticKeySet(await readFile('jwks.json', 'utf8'), { issuer: 'https://issuer.example' })
 */
export function createStaticKeySet(jwks: JsonObject | string, options: StaticKeySetOptions = {}): StaticKeySet {
  const { keys, skipped } = parseKeySet(copyOf(jwks), readAlgorithms(options.algorithms))
  let table = createKeyTable(keys, skipped)
  return {
    issuer: options.issuer,
    skipped,
    peek(kid, alg) {
      const found = table.lookup(kid, alg)
      return typeof found === 'string' ? undefined : found
    },
    async find(kid, alg) {
      return requireKey(table.lookup(kid, alg))
    },
    has: (kid) => table.has(kid),
    cachedKids: () => table.kids(),
    async prefetch() {},
    close() {
      table = createKeyTable([], [])
    },
  }
}

function copyOf(jwks: JsonObject | string): JsonObject {
  let text: string | undefined
  try {
    text = typeof jwks === 'string' ? jwks : JSON.stringify(jwks)
  } catch (cause) {
    throw new CountersignError('key_set_invalid', { reason: 'it is not JSON', cause })
  }
  if (typeof text !== 'string') throw new CountersignError('key_set_invalid', { reason: 'it is not JSON' })
  return parseStrictJsonObject(Buffer.from(text, 'utf8'), { malformed: 'key_set_invalid', tooLarge: 'key_set_invalid' })
}
