import { parseCredentialUrl } from '../credentials/credential-url.ts'
import { CountersignError } from '../errors.ts'
import type { FollowerOptions } from './types.ts'

const DEFAULT_TIMEOUT_MS = 2000
const MAX_TIMEOUT_MS = 60_000
/** A resource name, as the server has them. */
const SERVICE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The options of a follower, each found valid. */
export interface FollowerSettings {
  /** Without a terminating slash. */
  readonly server: string
  readonly service: string
  readonly snapshotFile: string | undefined
  readonly timeoutMs: number
}

/** Settings from options. @throws CountersignError `configuration_invalid`, naming the option and never its value */
export function readFollowerOptions(options: FollowerOptions): FollowerSettings {
  const { service, snapshotFile, credentials, onUnavailable, timeoutMs = DEFAULT_TIMEOUT_MS } = options
  const server = typeof options.server === 'string' ? parseCredentialUrl(options.server) : undefined
  if (server === undefined || server.search !== '' || server.hash !== '') {
    throw invalid('"server" must be an https URL (http only on loopback) without a query')
  }
  if (typeof service !== 'string' || !SERVICE.test(service)) throw invalid('"service" must be the name of a service')
  if (typeof credentials?.token !== 'function') throw invalid('"credentials" must be a credential client')
  if (snapshotFile !== undefined && (typeof snapshotFile !== 'string' || snapshotFile === '')) {
    throw invalid('"snapshotFile" must be the path of a file')
  }
  // An option may only make it stricter than what the service says.
  if (onUnavailable !== undefined && onUnavailable !== 'deny') throw invalid('"onUnavailable" can only be "deny"')
  if (!(Number.isInteger(timeoutMs) && timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw invalid(`"timeoutMs" must be a whole number from 1 to ${MAX_TIMEOUT_MS}`)
  }
  return { server: server.href.replace(/\/+$/, ''), service, snapshotFile, timeoutMs }
}

function invalid(reason: string): CountersignError {
  return new CountersignError('configuration_invalid', { reason })
}
