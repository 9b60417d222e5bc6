import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { ALGORITHMS, type Algorithm } from './keys/algorithms.ts'

type Jwk = { [name: string]: string | string[] }

/** A key pair made for one test run, with its public JWK. */
export interface TestKey {
  readonly alg: Algorithm
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: Jwk
}

/** Makes a key pair for an algorithm. Nothing is ever stored. */
export function makeKey(alg: Algorithm, kid: string, modulusLength = 2048): TestKey {
  const { kty } = ALGORITHMS[alg]
  const pair =
    kty === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength })
      : kty === 'EC'
        ? generateKeyPairSync('ec', { namedCurve: (ALGORITHMS[alg] as { crv: string }).crv })
        : generateKeyPairSync('ed25519')
  const jwk = { ...(pair.publicKey.export({ format: 'jwk' }) as Jwk), kid, alg, use: 'sig' }
  return { alg, kid, ...pair, jwk }
}

/** base64url of text, bytes, or a value's JSON. */
export function encode(value: unknown): string {
  const bytes = typeof value === 'string' || value instanceof Uint8Array ? Buffer.from(value) : JSON.stringify(value)
  return Buffer.from(bytes as string).toString('base64url')
}

/** The raw JWS signature of a key over text. */
export function signText(key: TestKey, text: string): Buffer {
  const needed = ALGORITHMS[key.alg]
  if (needed.kty === 'OKP') return sign(null, Buffer.from(text), key.privateKey)
  if (needed.kty === 'EC')
    return sign(needed.hash, Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  const pss = {
    key: key.privateKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  }
  return sign(needed.hash, Buffer.from(text), needed.pss ? pss : key.privateKey)
}

/** A compact JWS. The header and payload may be JSON text or values; the header may contradict the key. */
export function signToken(key: TestKey, payload: unknown, header: unknown = {}): string {
  const full =
    typeof header === 'string' ? header : { typ: 'at+jwt', alg: key.alg, kid: key.kid, ...(header as object) }
  const input = `${encode(full)}.${encode(payload)}`
  return `${input}.${signText(key, input).toString('base64url')}`
}
