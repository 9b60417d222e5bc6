import { randomBytes } from './random.ts'

// Crockford base32 without i, l, o, u: no character is mistaken for another when an id is read aloud.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const RANDOM_BYTES = 10

/** The prefixes of every id in the product; the prefix says what an id names. */
export type IdPrefix = 'wl' | 'svc' | 'tp' | 'pol' | 'team' | 'per' | 'evt' | 'ref' | 'boot' | 'req' | 'jti'

/**
 * A new id: prefix, 48 bits of milliseconds, 80 random bits, in Crockford base32 (26 characters).
 * Ids of one prefix sort by the time they were made; the random part makes them unguessable and unique across replicas.
 */
export function newId(prefix: IdPrefix, now: Date): string {
  let text = ''
  let time = now.getTime()
  for (let index = 0; index < 10; index += 1) {
    text = ALPHABET[time % 32] + text
    time = Math.floor(time / 32)
  }
  const bytes = randomBytes(RANDOM_BYTES)
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(buffer >>> bits) & 31]
    }
    buffer &= (1 << bits) - 1
  }
  return `${prefix}_${text}`
}
