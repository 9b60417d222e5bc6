import { CountersignError } from '../errors.ts'
import { type FetchOptions, fetchJson } from './fetch-json.ts'
import { discoveryUrl, type FetchTarget, parseFetchUrl, parseIssuerUrl, type UrlRules } from './url.ts'

/** Longest accepted discovery document, in bytes (J-06). */
export const MAX_DISCOVERY_BYTES = 262_144

/**
 * Where the issuer publishes its keys, from its discovery document (OpenID Connect Discovery section 4). The document
 * must name exactly this issuer (section 4.3), and keys only on the issuer's own origin or an allowlisted one, and never
 * over plain http when the issuer has https (J-03).
 * @throws CountersignError `discovery_invalid`, `url_refused`, or a code of {@link fetchJson}.
 */
export async function discoverJwksUri(
  issuer: string,
  rules: UrlRules,
  options: Omit<FetchOptions, 'maxBytes'>,
): Promise<FetchTarget> {
  const issuerTarget = parseIssuerUrl(issuer, rules)
  const document = await fetchJson(parseFetchUrl(discoveryUrl(issuer), rules), {
    ...options,
    maxBytes: MAX_DISCOVERY_BYTES,
  })
  if (document['issuer'] !== issuer) throw invalid('it names another issuer')
  const uri = document['jwks_uri']
  if (typeof uri !== 'string') throw invalid('it has no jwks_uri')
  const target = parseFetchUrl(uri, rules)
  if (target.url.origin !== issuerTarget.url.origin && !rules.allowedOrigins.includes(target.url.origin)) {
    throw invalid('its jwks_uri is on an origin that is not allowed')
  }
  return target
}

function invalid(reason: string): CountersignError {
  return new CountersignError('discovery_invalid', { reason })
}
