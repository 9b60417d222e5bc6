import { CountersignError } from '../errors.ts'
import {
  type JsonObject,
  type JsonValue,
  parseCompactJws,
  parseStrictJsonObject,
  type UnverifiedJws,
} from '../jws/index.ts'

/**
 * A token that has been read strictly and not verified: good for choosing whom to ask, for nothing else. What was read cannot be
 * reached or changed from outside, so that a verifier that is given it verifies exactly the text that it was read from (one reading
 * for both, instead of two). Only {@link parseUnverifiedToken} makes one.
 */
export class UnverifiedToken {
  readonly #text: string
  readonly #jws: UnverifiedJws
  readonly #claims: JsonObject

  constructor(text: string) {
    this.#text = text
    this.#jws = parseCompactJws(text)
    this.#claims = parseStrictJsonObject(this.#jws.unverifiedPayload)
  }

  /** The kid that the header names, at most 256 characters. */
  get unverifiedKid(): string | undefined {
    return this.#jws.header.kid
  }

  /** A copy of a claim that is a string, or a list of strings; undefined when it is absent or anything else. */
  unverifiedText(name: 'iss' | 'aud'): string | readonly string[] | undefined {
    const value: JsonValue | undefined = Object.hasOwn(this.#claims, name) ? this.#claims[name] : undefined
    if (typeof value === 'string') return value
    if (!Array.isArray(value)) return undefined
    const items = value as readonly JsonValue[]
    return items.every((item) => typeof item === 'string') ? [...(items as readonly string[])] : undefined
  }

  /** Whether this was read from exactly this text. */
  isOf(text: string): boolean {
    return this.#text === text
  }

  /** For the verifier of this package. A static method of the class, because nothing else can reach what was read. */
  static open(token: UnverifiedToken): {
    readonly text: string
    readonly jws: UnverifiedJws
    readonly claims: JsonObject
  } {
    // An object that only looks like one has nothing inside.
    if (!(#text in token)) throw new CountersignError('token_malformed', { reason: 'the token is not a string' })
    return { text: token.#text, jws: token.#jws, claims: token.#claims }
  }
}

/**
 * Reads a compact JWT as strictly as the verifier does (V-01 to V-04, V-12, V-13), and verifies nothing.
 * @throws CountersignError `token_malformed`, `token_too_large`, `token_unsupported` or `signature_invalid` (no signature).
 */
export function parseUnverifiedToken(token: string): UnverifiedToken {
  return new UnverifiedToken(token)
}
