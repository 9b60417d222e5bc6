/**
 * The OAuth endpoints: token exchange (RFC 8693) with sender constraint (RFC 9449, RFC 8705), introspection (RFC 7662), revocation
 * (RFC 7009), metadata (RFC 8414), the key set.
 * Plain handlers over web-standard requests; every error is rendered by `http/errors.ts` as RFC 6749 section 5.2 says.
 */
import type { Admission, EarlyRefusals, Exchange } from '../../federation/index.ts'
import type { KeyRing, SigningAlgorithm } from '../../signing-keys/index.ts'
import type { Introspect } from '../../tokens/index.ts'
import { readBody } from '../body.ts'
import type { HttpRoute } from '../context.ts'
import type { AnswerForm } from '../direct.ts'
import { senderOf } from '../sender.ts'
import type { VerifyCaller } from './caller.ts'
import type { CertificateThumbprint } from './client-certificate.ts'
import { createIntrospectEndpoint } from './introspect.ts'
import { createMetadata, metadataPaths } from './metadata.ts'
import { createRemoteAddress } from './remote-address.ts'
import { createRevokeEndpoint } from './revoke.ts'
import { createTokenEndpoint } from './token.ts'

/** What the OAuth endpoints need. */
export interface OAuthDeps {
  readonly issuer: URL
  readonly issuerText: string
  readonly algorithms: () => readonly SigningAlgorithm[]
  readonly exchange: Exchange
  readonly refusals: EarlyRefusals
  readonly keyRing: KeyRing
  /** Verifiers may cache the key set this long; rotation publishes further ahead. */
  readonly jwksMaxAgeSeconds: number
  readonly revokeOwnToken: (token: string) => Promise<void>
  readonly introspect: Introspect
  readonly verifyCaller: VerifyCaller
  readonly admission: Pick<Admission, 'mayAuthenticate' | 'callerRefused'>
  readonly trustedProxies: readonly string[]
  readonly certificateThumbprint: CertificateThumbprint
  /** Whether tokens can be bound to client certificates here. */
  readonly bindsCertificates: boolean
  readonly dpopAlgorithms: readonly string[]
}

/** The OAuth endpoints: routes for every listener, and the token endpoint by itself for the direct way. */
export interface OAuthEndpoints {
  readonly routes: readonly HttpRoute[]
  readonly token: { readonly path: string; readonly answer: AnswerForm }
}

/** The OAuth endpoints under the issuer's path. */
export function createOAuthEndpoints(deps: OAuthDeps): OAuthEndpoints {
  const { base, oauth, openid } = metadataPaths(deps.issuer)
  const cacheable = { 'cache-control': `public, max-age=${deps.jwksMaxAgeSeconds}` }
  const metadata: HttpRoute['respond'] = (c) =>
    c.json(createMetadata({ ...deps, issuer: deps.issuerText, algorithms: deps.algorithms() }), 200, cacheable)
  const remoteAddress = createRemoteAddress(deps.trustedProxies)
  const token = createTokenEndpoint({
    exchange: deps.exchange,
    refusals: deps.refusals,
    remoteAddress,
    certificateThumbprint: deps.certificateThumbprint,
  })
  const path = `${base}/oauth/token`
  const routes: readonly HttpRoute[] = [
    { method: 'POST', path, respond: respondWith(token) },
    {
      method: 'POST',
      path: `${base}/oauth/introspect`,
      respond: respondWith(createIntrospectEndpoint({ ...deps, remoteAddress })),
    },
    { method: 'POST', path: `${base}/oauth/revoke`, respond: respondWith(createRevokeEndpoint(deps)) },
    { method: 'GET', path: oauth, respond: metadata },
    { method: 'GET', path: openid, respond: metadata },
    {
      method: 'GET',
      path: `${base}/.well-known/jwks.json`,
      respond: (c) => c.json(deps.keyRing.jwks(), 200, cacheable),
    },
  ]
  return { routes, token: { path, answer: token } }
}

export { createVerifyCaller, type PresentedToken, type VerifyCaller } from './caller.ts'
export { createCertificateThumbprint } from './client-certificate.ts'

function respondWith(answer: AnswerForm): HttpRoute['respond'] {
  return async (c) => {
    const { status, headers, body } = await answer({
      ...senderOf(c),
      contentType: c.req.header('content-type'),
      forwardedFor: c.req.header('x-forwarded-for'),
      authorization: c.req.header('authorization'),
      readBody: () => readBody(c),
    })
    return body === '' ? c.body(null, status as 200, headers) : c.body(body, status as 200, headers)
  }
}
