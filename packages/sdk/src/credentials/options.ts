import { CountersignError } from '../errors.ts'
import { parseCredentialUrl } from './credential-url.ts'
import { PROOF_SOURCES, type ProofSource } from './sources/index.ts'
import type { CredentialClientOptions } from './types.ts'

const DEFAULT_TIMEOUT_MS = 5000
const MAX_TIMEOUT_MS = 3_600_000
const MAX_TRIES = 10

/** The options of a client, each found valid. */
export interface Settings {
  readonly server: URL
  /** The issuer identifier, as it must stand in the metadata. */
  readonly issuer: string
  readonly audience: string | undefined
  readonly resource: string | undefined
  readonly scopes: readonly string[]
  readonly ttlSeconds: number | undefined
  readonly sources: readonly ProofSource[]
  readonly proofAudience: () => Promise<string>
  readonly dpop: boolean
  readonly origins: ReadonlySet<string>
  readonly tokenEndpoint: URL | undefined
  readonly timeoutMs: number
  readonly tries: number
}

/** Settings from options. @throws CountersignError configuration_invalid, naming the option and never its value */
export function readSettings(options: CredentialClientOptions): Settings {
  const server = parseServer(options.server)
  const issuer = server.href.replace(/\/$/, '')
  const { audience, resource, proofAudience = issuer } = options
  if (audience === undefined && resource === undefined) throw invalid('"audience" is missing')
  for (const [name, value] of Object.entries({ audience, resource })) {
    if (value !== undefined && !/^[\x21-\x7e]{1,2048}$/.test(value)) throw invalid(`"${name}" is not an audience`)
  }
  return {
    server,
    issuer,
    audience,
    resource,
    scopes: readScopes(options.scope),
    ttlSeconds: readNumber(options.ttlSeconds, 'ttlSeconds', 86_400),
    sources: options.sources ?? PROOF_SOURCES.map((kind) => kind.create()),
    proofAudience: typeof proofAudience === 'function' ? proofAudience : async () => proofAudience,
    dpop: options.dpop === true,
    origins: readOrigins(options.origins ?? originsOf(audience ?? resource ?? '')),
    tokenEndpoint: readTokenEndpoint(options.tokenEndpoint, server),
    timeoutMs: readNumber(options.timeoutMs, 'timeoutMs', MAX_TIMEOUT_MS) ?? DEFAULT_TIMEOUT_MS,
    tries: readNumber(options.tries, 'tries', MAX_TRIES) ?? 3,
  }
}

function parseServer(text: string): URL {
  const url = typeof text === 'string' ? parseCredentialUrl(text) : undefined
  if (url === undefined) throw invalid('"server" must be an https URL (http only on loopback)')
  // RFC 8414 section 2: an issuer has no query and no fragment. Another spelling would never equal the one in the metadata.
  if (text.includes('?') || text.includes('#') || (url.href !== text && url.href !== `${text}/`)) {
    throw invalid('"server" is not an issuer in its canonical spelling')
  }
  return url
}

function readScopes(scope: CredentialClientOptions['scope']): readonly string[] {
  const scopes = (typeof scope === 'string' ? scope.split(' ') : (scope ?? [])).filter((name) => name !== '')
  // RFC 6749 section 3.3
  if (!scopes.every((name) => /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/.test(name))) throw invalid('"scope" is not a scope')
  return [...new Set(scopes)]
}

function readNumber(value: number | undefined, name: string, max: number): number | undefined {
  if (value === undefined) return undefined
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw invalid(`"${name}" must be a whole number from 1 to ${max}`)
  return value
}

function originsOf(audience: string): readonly string[] {
  const url = parseCredentialUrl(audience)
  return url === undefined ? [] : [url.origin]
}

function readOrigins(origins: readonly string[]): ReadonlySet<string> {
  for (const origin of origins) {
    if (parseCredentialUrl(origin)?.origin !== origin) {
      throw invalid('"origins" must hold exact https origins (http only on loopback)')
    }
  }
  return new Set(origins)
}

function readTokenEndpoint(text: string | undefined, server: URL): URL | undefined {
  if (text === undefined) return undefined
  const url = parseCredentialUrl(text)
  if (url?.origin !== server.origin || url.hash !== '')
    throw invalid('"tokenEndpoint" is not on the origin of the server')
  return url
}

function invalid(reason: string): CountersignError {
  return new CountersignError('configuration_invalid', { reason })
}
