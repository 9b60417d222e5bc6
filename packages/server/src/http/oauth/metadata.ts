import type { JsonObject } from '../../lib/index.ts'
import type { SigningAlgorithm } from '../../signing-keys/index.ts'

/** What the metadata states. */
export interface MetadataInput {
  readonly issuer: string
  readonly algorithms: readonly SigningAlgorithm[]
}

/**
 * Authorization server metadata, one document for RFC 8414 and OpenID Connect discovery. States what RFC 8414 would otherwise
 * default wrongly: the only grant, and that clients do not authenticate (their proof does).
 */
export function createMetadata({ issuer, algorithms }: MetadataInput): JsonObject {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
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
