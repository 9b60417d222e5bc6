import { BASE32_ALPHABET, base32 } from './base32.ts'
import { randomBytes } from './random.ts'

const RANDOM_BYTES = 10
const TIME_CHARACTERS = 10

/** The prefixes of every id in the product; the prefix says what an id names. */
export type IdPrefix = 'wl' | 'svc' | 'tp' | 'pol' | 'team' | 'per' | 'evt' | 'ref' | 'boot' | 'req' | 'jti' | 'rcpt'

/**
 * A new id: prefix, 48 bits of milliseconds, 80 random bits, in Crockford base32 (26 characters).
 * Ids of one prefix sort by the time they were made; the random part makes them unguessable and unique across replicas.
 */
export function newId(prefix: IdPrefix, now: Date): string {
  return `${lowestId(prefix, now)}${base32(randomBytes(RANDOM_BYTES))}`
}

/** Sorts before every id of the prefix that is made at this instant or later, and after every earlier one: a bound for ranges. */
export function lowestId(prefix: IdPrefix, at: Date): string {
  let text = ''
  let time = at.getTime()
  for (let index = 0; index < TIME_CHARACTERS; index += 1) {
    text = BASE32_ALPHABET[time % 32] + text
    time = Math.floor(time / 32)
  }
  return `${prefix}_${text}`
}

/** When an id was made. @returns undefined for text that is no id. */
export function timeOfId(id: string): Date | undefined {
  const [, text] = /^[a-z]+_([0-9a-hjkmnp-tv-z]{10})[0-9a-hjkmnp-tv-z]{16}$/.exec(id) ?? []
  if (text === undefined) return undefined
  return new Date([...text].reduce((time, character) => time * 32 + BASE32_ALPHABET.indexOf(character), 0))
}
