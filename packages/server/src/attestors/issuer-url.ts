import { isIP } from 'node:net'

const MAX_ISSUER_LENGTH = 255
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const PATH = /^(?:\/[A-Za-z0-9._~-]+)*\/?$/

/** Whether this host is the machine itself, by name or address. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))
}

function hostFault(host: string): string | undefined {
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) return 'the host must be a name, not an address' // D-608
  if (host.endsWith('.')) return 'the host must not end with a dot'
  if (host.length > 253 || !host.split('.').every((label) => LABEL.test(label))) {
    return 'the host must be lower-case ASCII letters, digits and hyphens'
  }
  // A last label of digits only, or hexadecimal like 0x7f000001, is an address to the WHATWG URL parser.
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/.test(host.slice(host.lastIndexOf('.') + 1)))
    return 'the host must be a name, not an address'
  return undefined
}

/** What is allowed beyond https to a public name. */
export interface IssuerUrlOptions {
  /** Plain http to loopback, for the quickstart's emulated issuers. */
  readonly allowLoopbackHttp: boolean
}

/**
 * Says what is wrong with an issuer identifier, or undefined. Issuers are compared byte by byte, so every spelling that a URL parser
 * would normalise is refused: only one spelling of each issuer can be registered, and none can smuggle another host (T3, T4, T5, D-608).
 */
export function findIssuerFault(issuer: string, options: IssuerUrlOptions): string | undefined {
  if (issuer.length > MAX_ISSUER_LENGTH) return `it must have at most ${MAX_ISSUER_LENGTH} characters`
  if (!/^[\x21-\x7e]+$/.test(issuer)) return 'it must be printable ASCII without spaces'
  const match = /^(https?):\/\/([^/?#]*)(.*)$/.exec(issuer)
  if (!match) return 'it must be an https URL'
  const [, scheme = '', authority = '', rest = ''] = match
  if (/[?#]/.test(rest)) return 'it must have no query and no fragment'
  if (authority.includes('@')) return 'it must hold no user information'
  if (authority.includes('\\') || rest.includes('\\')) return 'it must hold no backslash'
  const authorityMatch = /^(\[[0-9a-f:]+\]|[^:[\]]+)(?::([0-9]{1,5}))?$/.exec(authority)
  if (!authorityMatch) return 'it must have a host, and after it at most a port'
  const [, host = '', port] = authorityMatch
  if (port !== undefined && (/^0/.test(port) || Number(port) > 65_535)) return 'the port must be from 1 to 65535'
  if (port === (scheme === 'https' ? '443' : '80')) return 'the default port must be left out'
  const isLoopback = isLoopbackHost(host)
  if (scheme === 'http' && !(isLoopback && options.allowLoopbackHttp)) return 'it must be an https URL'
  if (!(isLoopback && options.allowLoopbackHttp)) {
    const fault = hostFault(host)
    if (fault !== undefined) return fault
  }
  if (rest.includes('//')) return 'the path must have no empty segment'
  if (rest.split('/').some((segment) => segment === '.' || segment === '..')) return 'the path must hold no `.` or `..`'
  if (!PATH.test(rest)) return 'the path must be letters, digits and `._~-/`'
  return undefined
}

/** The host of an issuer that `findIssuerFault` accepts, without the port. */
export function issuerHostname(issuer: string): string {
  return /^https?:\/\/(\[[^\]]*\]|[^/:]*)/.exec(issuer)?.[1] ?? ''
}
