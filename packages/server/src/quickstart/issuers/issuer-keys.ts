import { createHash, createSign, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { JsonObject } from '../../lib/index.ts'

const generate = promisify(generateKeyPair)

/** The RS256 keys of an emulated issuer. They live in memory only and end with the process. */
export interface IssuerKeys {
  /** The public keys as the issuer publishes them. */
  jwks(): JsonObject
  /** A compact JWS over these claims by the newest key; members of `header` are added to, or replace, `alg` and `kid`. */
  sign(claims: JsonObject, header?: JsonObject): string
  /** A compact JWS by the newest key over exactly these texts, also when they are no JSON: for tests of readers. */
  signText(header: string, payload: string): string
  /** The kid of the key that signs now. */
  readonly kid: string
  /** Makes a new key that signs from now on; the earlier ones stay published. Returns its kid. */
  rotate(): Promise<string>
  /** Publishes this key no longer. */
  withdraw(kid: string): void
}

interface Key {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: JsonObject
}

async function generateKey(): Promise<Key> {
  const { privateKey, publicKey } = await generate('rsa', { modulusLength: 2048 })
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(randomBytes(32)).digest('hex').slice(0, 40).toUpperCase()
  return { kid, privateKey, jwk: { kty: 'RSA', use: 'sig', alg: 'RS256', kid, n, e } }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

/** Makes the keys of one emulated issuer; nothing is read from or written to disk. */
export async function createIssuerKeys(): Promise<IssuerKeys> {
  let current = await generateKey()
  const published = new Map<string, Key>([[current.kid, current]])

  function signText(header: string, payload: string): string {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${createSign('sha256').update(input).sign(current.privateKey).toString('base64url')}`
  }

  return {
    jwks: () => ({ keys: [...published.values()].map((key) => key.jwk) }),
    sign: (claims, header = {}) =>
      signText(JSON.stringify({ alg: 'RS256', kid: current.kid, ...header }), JSON.stringify(claims)),
    signText,
    get kid() {
      return current.kid
    },
    async rotate() {
      current = await generateKey()
      published.set(current.kid, current)
      return current.kid
    },
    withdraw(kid) {
      published.delete(kid)
    },
  }
}
