import type { JsonObject } from '../../lib/index.ts'
import type { SigningAlgorithm } from '../../signing-keys/index.ts'

/** What the metadata states. */
export interface MetadataInput {
  readonly issuer: string
  readonly algorithms: readonly SigningAlgorithm[]
  readonly dpopAlgorithms: readonly string[]
  /** Whether tokens can be bound to client certificates here. */
  readonly bindsCertificates: boolean
}

/**
 * Authorization server metadata, one document for RFC 8414 and OpenID Connect discovery. States what RFC 8414 would otherwise
 * default wrongly: the only grant, and that clients do not authenticate (their proof does).
 */
export function createMetadata({ issuer, algorithms, dpopAlgorithms, bindsCertificates }: MetadataInput): JsonObject {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    token_endpoint_auth_methods_supported: ['none'],
    // RFC 8414 section 2: also types of access tokens can be named here.
    introspection_endpoint_auth_methods_supported: ['Bearer', 'DPoP'],
    revocation_endpoint_auth_methods_supported: ['none'],
    dpop_signing_alg_values_supported: dpopAlgorithms,
    // RFC 8705 section 3.3: false is the default.
    ...(bindsCertificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
    response_types_supported: [],
    subject_types_supported: ['public'],
    // Some resource servers read the algorithms of access tokens from here.
    id_token_signing_alg_values_supported: algorithms,
  }
}

/** RFC 8414 section 3: the well-known part goes between host and path; OpenID Connect appends it. */
export function metadataPaths(issuer: URL): { readonly oauth: string; readonly openid: string; readonly base: string } {
  const base = issuer.pathname === '/' ? '' : issuer.pathname
  return {
    base,
    oauth: `/.well-known/oauth-authorization-server${base}`,
    openid: `${base}/.well-known/openid-configuration`,
  }
}
