import { generateKeyPairSync, hash, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { DpopKey } from '../dpop/index.ts'
import { CountersignError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../jws/index.ts'
import { importJwk } from '../keys/index.ts'
import type { RevocationCheck, TokenVerifierOptions } from '../verify/index.ts'
import { createTestRevocations } from './revocations.ts'

/** Options of {@link createTestIssuer}. */
export interface TestIssuerOptions {
  /** ES256 when not given. */
  readonly alg?: 'ES256' | 'RS256' | 'Ed25519'
  /** The time that tokens are issued at, and that their verifiers go by; the system's clock when not given. */
  readonly now?: () => Date
}

/** What a test token says. */
export interface TestTokenRequest {
  readonly audience: string
  readonly scopes?: readonly string[]
  /** The workload's id; `wl_test` when not given. */
  readonly workload?: string
  /** The workload's URI; one that ends in the workload's id when not given. */
  readonly subject?: string
  /** How long it lives; 900 when not given. Negative: it has expired. */
  readonly expiresInSeconds?: number
  /** Binds the token to this key (RFC 9449), so that it is accepted with its proofs only. */
  readonly dpop?: Pick<DpopKey, 'thumbprint'>
  /** Binds the token to this client certificate, DER (RFC 8705). */
  readonly certificate?: Uint8Array
  /** Who acts for the subject, the present actor first. */
  readonly actors?: readonly { readonly sub: string; readonly iss?: string }[]
  /** Claims and header members that replace those above; `undefined` leaves one out. For tokens that must be refused. */
  readonly claims?: { readonly [name: string]: JsonValue | undefined }
  readonly header?: { readonly [name: string]: JsonValue | undefined }
}

/** An issuer for the tests of a service: keys of its own, no server. */
export interface TestIssuer {
  /** `https://issuer-….test.invalid`: a name that can never resolve (RFC 6761 section 6.4), so nothing trusts it by accident. */
  readonly issuer: string
  readonly jwks: JsonObject & { readonly keys: readonly JsonObject[] }
  /** What a verifier, or `protect`, of this audience needs to accept the tokens of this issuer. */
  verifierOptions(
    audience: string,
  ): Pick<TokenVerifierOptions, 'issuer' | 'audience' | 'jwks' | 'algorithms' | 'revocations' | 'now'>
  /** A signed access token, with the claims that those of a server have. */
  token(request: TestTokenRequest): string
  /** In place of a follower: what {@link TestIssuer.revoke} has revoked is revoked. */
  readonly revocations: RevocationCheck
  /** Revokes a token of this issuer, at once. */
  revoke(token: string): void
  /** `false` lets every revocation check fail, as when no server can be reached; `true` ends that. */
  setRevocationsAvailable(available: boolean): void
}

/**
 * Makes an issuer for tests. Its keys are made now and cannot be taken out, and its name can be no real issuer's: a verifier
 * that is configured for production refuses its tokens, and one that is configured with it serves tests only.
 *
 * @example
 * const issuer = createTestIssuer()
 * app.get('/orders', protect({ ...issuer.verifierOptions('https://orders.acme.example'), scopes: ['orders:read'] }), handler)
 * const token = issuer.token({ audience: 'https://orders.acme.example', scopes: ['orders:read'], workload: 'wl_reporting' })
 */
export function createTestIssuer(options: TestIssuerOptions = {}): TestIssuer {
  const { alg = 'ES256', now } = options
  const { privateKey, publicKey } = makeKeyPair(alg)
  const host = `issuer-${randomBytes(4).toString('hex')}.test.invalid`
  const issuer = `https://${host}`
  const members = publicKey.export({ format: 'jwk' }) as JsonObject
  const kid = importJwk(members, [alg]).thumbprint
  const jwks = { keys: [{ ...members, kid, alg, use: 'sig' }] }
  const revocations = createTestRevocations()

  function token(request: TestTokenRequest): string {
    const { audience, scopes = [], workload = 'wl_test', expiresInSeconds = 900 } = request
    const seconds = Math.floor((now === undefined ? Date.now() : now().getTime()) / 1000)
    const issuedAt = expiresInSeconds > 0 ? seconds : seconds + expiresInSeconds - 900
    const cnf = {
      ...(request.dpop !== undefined && { jkt: request.dpop.thumbprint }),
      ...(request.certificate !== undefined && { 'x5t#S256': hash('sha256', request.certificate, 'base64url') }),
    }
    const act = request.actors?.reduceRight<JsonObject | undefined>(
      (inner, actor) => ({ ...actor, ...(inner !== undefined && { act: inner }) }),
      undefined,
    )
    const claims = {
      iss: issuer,
      sub: request.subject ?? `countersign://${host}/workload/tp_test/${workload}`,
      aud: audience,
      client_id: workload,
      iat: issuedAt,
      exp: seconds + expiresInSeconds,
      jti: `test_${randomBytes(12).toString('hex')}`,
      scope: scopes.join(' '),
      ...(Object.keys(cnf).length > 0 && { cnf }),
      ...(act !== undefined && { act }),
      cs: { pol: 'pol_test', tp: ['tp_test'], svc: 'svc_test', rev: 1, evt: `evt_${randomBytes(12).toString('hex')}` },
      ...request.claims,
    }
    const input = `${encode({ alg, typ: 'at+jwt', kid, ...request.header })}.${encode(claims)}`
    return `${input}.${signText(input, alg, privateKey).toString('base64url')}`
  }

  return {
    issuer,
    jwks,
    verifierOptions: (audience) => ({
      issuer,
      audience,
      jwks,
      algorithms: [alg],
      revocations,
      ...(now !== undefined && { now }),
    }),
    token,
    revocations,
    revoke: (revoked) => revocations.revoke(revoked),
    setRevocationsAvailable: (available) => revocations.setAvailable(available),
  }
}

function makeKeyPair(alg: NonNullable<TestIssuerOptions['alg']>): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (alg) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'Ed25519':
      return generateKeyPairSync('ed25519')
    default:
      throw new CountersignError('configuration_invalid', { reason: '"alg" must be ES256, RS256 or Ed25519' })
  }
}

function signText(text: string, alg: NonNullable<TestIssuerOptions['alg']>, key: KeyObject): Buffer {
  return sign(alg === 'Ed25519' ? null : 'sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
