import { isIPv4 } from 'node:net'
import { CountersignError } from '../errors.ts'
import type { AddressRule } from './address.ts'

/** What an administrator has allowed beyond public https. */
export interface UrlRules {
  /** Origins whose ports and documents are allowed beside the issuer's own; exact, e.g. `https://keys.acme.example:9443`. */
  readonly allowedOrigins: readonly string[]
  /** Lets hosts resolve to private and loopback addresses. */
  readonly allowPrivateNetwork: boolean
  /** Lets `http:` be used with loopback hosts. */
  readonly allowLoopbackHttp: boolean
}

/** A URL that may be fetched, with the rule that its addresses must satisfy when connecting. */
export interface FetchTarget {
  readonly url: URL
  readonly addresses: AddressRule
}

const MAX_URL_LENGTH = 2048
/** OpenID Connect Core section 2. */
const MAX_ISSUER_LENGTH = 255
const PORTS = new Set(['', '443', '6443', '8443'])

// One spelling per host: lower-case ASCII labels or an IPv6 literal, no userinfo, no fragment, only printable ASCII.
// Whatever else a URL parser would repair into a host (backslashes, tabs, full-width digits, "@") is not repaired.
const SPELLING =
  /^(https?):\/\/((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?(?:\/[\w.~!$&'()*+,;=:@%/-]*)?(?:\?[\w.~!$&'()*+,;=:@%/?-]*)?$/

/**
 * A URL that may be fetched under the rules (J-01): https, or http on loopback where that is allowed; a host in its
 * one canonical spelling; port 443, 6443 or 8443 unless the origin is allowlisted or its network is the administrator's own.
 * @throws CountersignError `url_refused`. Whether the host's addresses are acceptable is decided when connecting.
 */
export function parseFetchUrl(text: string, rules: UrlRules): FetchTarget {
  const match = typeof text === 'string' && text.length <= MAX_URL_LENGTH ? SPELLING.exec(text) : null
  if (match === null) throw refused('it is not an https URL in canonical spelling')
  const [, scheme, host = '', port = ''] = match
  if (!URL.canParse(text)) throw refused('it is not a URL')
  const url = new URL(text)
  // Decimal, octal, hex and short IPv4 forms, and long IPv6 forms, come out of the parser in another spelling.
  if (url.hostname !== host) throw refused('its host has another canonical spelling')
  if (/(^|\.)[0-9]+$/.test(host) && !isIPv4(host)) throw refused('its host is no name and no address')
  if (scheme === 'http') {
    if (!rules.allowLoopbackHttp || !isLoopbackHost(host)) throw refused('it is not https')
    return { url, addresses: 'loopback' }
  }
  const allowedPort = PORTS.has(port.slice(1)) || rules.allowPrivateNetwork || rules.allowedOrigins.includes(url.origin)
  if (!allowedPort) throw refused('its port is not allowed')
  return { url, addresses: rules.allowPrivateNetwork ? 'private' : 'public' }
}

/**
 * An issuer identifier that can be discovered: a fetchable URL without query or fragment, at most 255 characters, and
 * without empty or dot segments (OpenID Connect Discovery section 3; T4, T5).
 * @throws CountersignError `url_refused`.
 */
export function parseIssuerUrl(issuer: string, rules: UrlRules): FetchTarget {
  const target = parseFetchUrl(issuer, rules)
  if (issuer.length > MAX_ISSUER_LENGTH || issuer.includes('?')) {
    throw refused('an issuer has at most 255 characters and no query')
  }
  const path = issuer.slice(issuer.indexOf('//') + 2)
  if (/\/\/|\/\.{1,2}(\/|$)|%(2e|2f|5c)/i.test(path)) {
    throw refused('an issuer has no empty, dot or hidden path segments')
  }
  return target
}

/**
 * The URL of the issuer's discovery document: a terminating slash is removed before the suffix is appended (OpenID
 * Connect Discovery section 4.1).
 */
export function discoveryUrl(issuer: string): string {
  return `${issuer.endsWith('/') ? issuer.slice(0, -1) : issuer}/.well-known/openid-configuration`
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))
}

function refused(reason: string): CountersignError {
  return new CountersignError('url_refused', { reason })
}
