import { generateKeyPairSync, hash, randomBytes, sign } from 'node:crypto'
import { CountersignError } from '../errors.ts'
import type { JsonObject } from '../jws/index.ts'
import { importJwk } from '../keys/index.ts'
import { normalizeTargetUri } from './target-uri.ts'

/** What a proof is made for. */
export interface DpopProofRequest {
  /** The HTTP method, exactly as it is sent. */
  readonly method: string
  /** The URL of the request; its query and fragment are left out of the proof. */
  readonly url: string
  /** The access token that is sent along; none at a token endpoint. */
  readonly accessToken?: string
  /** The nonce that the server last asked for. */
  readonly nonce?: string
}

/** A key pair that tokens can be bound to. The private key cannot be taken out. */
export interface DpopKey {
  readonly alg: 'ES256' | 'Ed25519'
  /** RFC 7638 thumbprint of the public key, as it stands in a token's `cnf.jkt`. */
  readonly thumbprint: string
  readonly publicJwk: JsonObject
  /**
   * A proof for one request, good for one use (RFC 9449 section 4.2).
   * @throws CountersignError `url_refused` when the URL is not one that a proof can name.
   */
  proof(request: DpopProofRequest): string
}

/** Options of {@link createDpopKey}. */
export interface DpopKeyOptions {
  /** ES256 when not given: the one that every server takes. */
  readonly alg?: 'ES256' | 'Ed25519'
  /** The current time; the system's clock when not given. */
  readonly now?: () => Date
}

/**
 * Makes a key pair for DPoP. It lives as long as the process: a stolen token is of no use without it.
 *
 * @throws CountersignError `configuration_invalid` for any other algorithm.
 * @example
 * const key = createDpopKey()
 * const headers = { authorization: `DPoP ${token}`, dpop: key.proof({ method: 'GET', url, accessToken: token }) }
 */
export function createDpopKey(options: DpopKeyOptions = {}): DpopKey {
  const { alg = 'ES256', now = () => new Date() } = options
  if (alg !== 'ES256' && alg !== 'Ed25519') {
    throw new CountersignError('configuration_invalid', { reason: '"alg" must be ES256 or Ed25519' })
  }
  const { publicKey, privateKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  const jwk = publicKey.export({ format: 'jwk' })
  const publicJwk = Object.freeze({ ...jwk }) as JsonObject
  const header = encode({ typ: 'dpop+jwt', alg, jwk: publicJwk })
  return Object.freeze({
    alg,
    thumbprint: importJwk(publicJwk, [alg]).thumbprint,
    publicJwk,
    proof({ method, url, accessToken, nonce }: DpopProofRequest) {
      const htu = normalizeTargetUri(url)
      if (htu === undefined) throw new CountersignError('url_refused', { reason: 'a proof cannot name it' })
      const payload = encode({
        // RFC 9449 section 4.2: at least 96 bits of randomness.
        jti: randomBytes(16).toString('base64url'),
        htm: method,
        htu,
        iat: Math.floor(now().getTime() / 1000),
        ...(accessToken !== undefined && { ath: hash('sha256', accessToken, 'base64url') }),
        ...(nonce !== undefined && { nonce }),
      })
      const input = `${header}.${payload}`
      const signature =
        alg === 'ES256'
          ? sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
          : sign(null, Buffer.from(input), privateKey)
      return `${input}.${signature.toString('base64url')}`
    },
  })
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
