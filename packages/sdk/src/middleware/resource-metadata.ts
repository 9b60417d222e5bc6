import { CountersignError } from '../errors.ts'
import { isScopeToken } from './principal.ts'

/** Options of `resourceMetadata`. */
export interface ResourceMetadataOptions {
  /** The API's resource identifier: an https URL without query and fragment (http on this machine, for development). */
  readonly resource: string
  /** The issuers whose tokens the API accepts. */
  readonly authorizationServers: readonly string[]
  /** The scopes that callers may ask for. */
  readonly scopes?: readonly string[]
  /** Algorithms of DPoP proofs, where DPoP is accepted. */
  readonly dpopAlgorithms?: readonly string[]
  /** Whether DPoP is required, and whether tokens are bound to client certificates. */
  readonly dpopRequired?: boolean
  readonly certificateBound?: boolean
}

/** The metadata document of an API, and where it belongs (RFC 9728). */
export interface ResourceMetadata {
  /** Where callers find it; for `protect({ resourceMetadata })`. */
  readonly url: string
  /** The path of that URL, to route to the handler. */
  readonly path: string
  readonly document: Readonly<Record<string, unknown>>
  /** The document as JSON. */
  readonly body: string
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
// Also plain in the patterns of every router.
const PATH = /^\/[\w.~/-]*$/

/**
 * The document of an API. Its path is inserted between host and path of the resource identifier, whose terminating slash is
 * removed when it is the whole path (RFC 9728 section 3.1).
 * @throws CountersignError `configuration_invalid`.
 */
export function describeResource(options: ResourceMetadataOptions): ResourceMetadata {
  const { resource, authorizationServers, scopes, dpopAlgorithms, dpopRequired, certificateBound } = options
  const url = typeof resource === 'string' && URL.canParse(resource) ? new URL(resource) : undefined
  if (url === undefined || !isWebUrl(url) || resource.includes('?') || resource.includes('#')) {
    throw invalid('"resource" must be an https URL without query and fragment')
  }
  // Compared character by character by whoever reads it (section 3.3), so it must be what URL parsers make of it.
  if (url.href !== resource && url.href !== `${resource}/`) throw invalid('"resource" has another canonical spelling')
  if (!PATH.test(url.pathname)) throw invalid('the path of "resource" has characters that routers interpret')
  if (
    !Array.isArray(authorizationServers) ||
    authorizationServers.length === 0 ||
    !authorizationServers.every(isIssuer)
  ) {
    throw invalid('"authorizationServers" must be a non-empty list of issuers')
  }
  if (scopes !== undefined && !(Array.isArray(scopes) && scopes.every(isScopeToken))) {
    throw invalid('"scopes" must be a list of scopes')
  }
  const document = Object.freeze({
    resource,
    authorization_servers: [...authorizationServers],
    ...(scopes !== undefined && { scopes_supported: [...scopes] }),
    bearer_methods_supported: ['header'],
    ...(dpopAlgorithms !== undefined && { dpop_signing_alg_values_supported: [...dpopAlgorithms] }),
    ...(dpopRequired === true && { dpop_bound_access_tokens_required: true }),
    ...(certificateBound === true && { tls_client_certificate_bound_access_tokens: true }),
  })
  const path = `${WELL_KNOWN}${url.pathname === '/' ? '' : url.pathname}`
  return Object.freeze({ url: `${url.origin}${path}`, path, document, body: JSON.stringify(document) })
}

function isIssuer(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && isWebUrl(new URL(text)) && !/[?#]/.test(text)
}

function isWebUrl({ protocol, hostname, username, password }: URL): boolean {
  const local = protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return (protocol === 'https:' || local) && username === '' && password === ''
}

function invalid(reason: string): CountersignError {
  return new CountersignError('configuration_invalid', { reason })
}
