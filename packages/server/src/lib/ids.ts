import { BASE32_ALPHABET, base32 } from './base32.ts'
import { randomBytes } from './random.ts'

const RANDOM_BYTES = 10

/** The prefixes of every id in the product; the prefix says what an id names. */
export type IdPrefix = 'wl' | 'svc' | 'tp' | 'pol' | 'team' | 'per' | 'evt' | 'ref' | 'boot' | 'req' | 'jti' | 'rcpt'

/**
 * A new id: prefix, 48 bits of milliseconds, 80 random bits, in Crockford base32 (26 characters).
 * Ids of one prefix sort by the time they were made; the random part makes them unguessable and unique across replicas.
 */
export function newId(prefix: IdPrefix, now: Date): string {
  let text = ''
  let time = now.getTime()
  for (let index = 0; index < 10; index += 1) {
    text = BASE32_ALPHABET[time % 32] + text
    time = Math.floor(time / 32)
  }
  return `${prefix}_${text}${base32(randomBytes(RANDOM_BYTES))}`
}
