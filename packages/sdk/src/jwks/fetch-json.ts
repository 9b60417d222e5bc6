import type { ClientRequest, IncomingMessage } from 'node:http'
import { isIP, type LookupFunction } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { CountersignError, isCountersignError } from '../errors.ts'
import { type JsonObject, parseStrictJsonObject } from '../jws/index.ts'
import { isAddressAllowed } from './address.ts'
import type { FetchTarget } from './url.ts'

/** One resolved address of a host. */
export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** Resolves a host name to all of its addresses. */
export type Lookup = (hostname: string) => Promise<readonly ResolvedAddress[]>

/** Options of {@link fetchJson}. */
export interface FetchOptions {
  /** Longest accepted body, in bytes. */
  readonly maxBytes: number
  /** PEM certificates that are trusted instead of the well-known authorities. */
  readonly ca?: string
  /** The system's resolver when not given. */
  readonly lookup?: Lookup
  /** Ends the fetch early. */
  readonly signal?: AbortSignal
  /** From the start until the connection, including TLS, stands; 2,000 when not given (J-05). */
  readonly connectTimeoutMs?: number
  /** From the start until the last byte of the body; 5,000 when not given (J-05). */
  readonly totalTimeoutMs?: number
}

const CONTENT_TYPE = /^application\/(?:[a-z0-9.-]+\+)?json *(?:;|$)/i
const MAX_HEADER_BYTES = 16_384

/**
 * The JSON object at a URL, fetched once, without redirects, cookies, credentials or proxies, bounded in address, time
 * and size (J-01 to J-07, J-12, J-13).
 *
 * Every address that the host resolves to must satisfy the target's rule, else nothing is connected to; and only the
 * very addresses that were checked are connected to, so that a resolver which answers differently the second time gains
 * nothing. TLS verification cannot be switched off, not by the environment either.
 *
 * @throws CountersignError `address_refused`, `fetch_timeout`, `fetch_failed` or `response_refused`; no message holds
 * fetched bytes (T6).
 */
export async function fetchJson(target: FetchTarget, options: FetchOptions): Promise<JsonObject> {
  const { connectTimeoutMs = 2000, totalTimeoutMs = 5000, signal } = options
  // Two stages on one clock; both are cleared whatever happens.
  const abort = new AbortController()
  const end = (error: CountersignError) => () => abort.abort(error)
  const connectTimer = setTimeout(end(timeout('no connection was made in time')), connectTimeoutMs)
  const totalTimer = setTimeout(end(timeout('the document was not complete in time')), totalTimeoutMs)
  const closed = end(new CountersignError('fetch_failed', { reason: 'the fetch was ended' }))
  signal?.addEventListener('abort', closed, { once: true })
  if (signal?.aborted === true) closed()
  try {
    const addresses = await orAbort(resolve(target, options.lookup), abort.signal)
    const body = await request(target, addresses, options, abort.signal, () => clearTimeout(connectTimer))
    return parseStrictJsonObject(body, { malformed: 'response_refused', tooLarge: 'response_refused' })
  } catch (error) {
    if (isCountersignError(error)) throw error
    throw new CountersignError('fetch_failed', { cause: error })
  } finally {
    clearTimeout(connectTimer)
    clearTimeout(totalTimer)
    signal?.removeEventListener('abort', closed)
  }
}

async function resolve(target: FetchTarget, lookup: Lookup = systemLookup): Promise<readonly ResolvedAddress[]> {
  const { hostname } = target.url
  const literal = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  const family = isIP(literal)
  let addresses: readonly ResolvedAddress[]
  try {
    addresses = family === 0 ? await lookup(hostname) : [{ address: literal, family }]
  } catch (cause) {
    throw new CountersignError('fetch_failed', { reason: 'the host cannot be resolved', cause })
  }
  if (addresses.length === 0) throw new CountersignError('fetch_failed', { reason: 'the host has no address' })
  // J-02: one forbidden address among them is enough; whoever owns the name chose to add it.
  if (!addresses.every(({ address }) => isAddressAllowed(address, target.addresses))) {
    throw new CountersignError('address_refused')
  }
  return addresses.map(({ address }) => ({ address, family: isIP(address) }))
}

async function systemLookup(hostname: string): Promise<readonly ResolvedAddress[]> {
  const { lookup } = await import('node:dns/promises')
  return lookup(hostname, { all: true, order: 'verbatim' })
}

async function request(
  target: FetchTarget,
  addresses: readonly ResolvedAddress[],
  options: FetchOptions,
  signal: AbortSignal,
  onConnected: () => void,
): Promise<Buffer> {
  const { url } = target
  const secure = url.protocol === 'https:'
  const client = secure ? await import('node:https') : await import('node:http')
  signal.throwIfAborted()
  return new Promise((settle, fail) => {
    const outgoing: ClientRequest = client.request(url, {
      method: 'GET',
      agent: false,
      lookup: pinnedLookup(addresses),
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        accept: 'application/json, application/jwk-set+json',
        'accept-encoding': 'identity',
        'user-agent': 'countersign-sdk',
      },
      // J-12: said outright, so that NODE_TLS_REJECT_UNAUTHORIZED has no say.
      ...(secure && {
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2' as const,
        ...(options.ca !== undefined && { ca: options.ca }),
      }),
    })
    const stop = (error: Error) => {
      signal.removeEventListener('abort', onAbort)
      outgoing.destroy()
      fail(error)
    }
    const onAbort = () => stop(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    outgoing.on('error', (cause) =>
      stop(new CountersignError('fetch_failed', { reason: 'the connection failed', cause })),
    )
    outgoing.on('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        // The last word on the address, whatever happened between the check and the connection.
        const peer = (socket as TLSSocket).remoteAddress
        if (peer === undefined || !isAddressAllowed(peer, target.addresses)) {
          stop(new CountersignError('address_refused'))
        } else onConnected()
      })
    })
    outgoing.on('response', (response) => {
      readBody(response, options.maxBytes).then((body) => {
        signal.removeEventListener('abort', onAbort)
        outgoing.destroy()
        settle(body)
      }, stop)
    })
    outgoing.end()
  })
}

// Node asks for one address or for all, depending on its connection strategy; either way it gets only checked ones.
function pinnedLookup(addresses: readonly ResolvedAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const first = addresses[0]
    if (options.all === true) callback(null, [...addresses])
    else if (first === undefined) callback(new Error('no address'), '', 0)
    else callback(null, first.address, first.family)
  }
}

function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((settle, fail) => {
    const refuse = (reason: string) => fail(new CountersignError('response_refused', { reason }))
    const { statusCode = 0, headers } = response
    // J-04: a redirect would choose the next address for us (CVE-2026-4366).
    if (statusCode >= 300 && statusCode < 400) return refuse('it is a redirect')
    if (statusCode !== 200) return refuse('its status is not 200')
    if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) return refuse('its content type is not JSON')
    // We asked for none, so no decompressor has to be bounded.
    if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') return refuse('it is compressed')
    if (Number(headers['content-length'] ?? 0) > maxBytes) return refuse('it is too large')
    const chunks: Buffer[] = []
    let received = 0
    response.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received > maxBytes) refuse('it is too large')
      else chunks.push(chunk)
    })
    response.on('end', () => (response.complete ? settle(Buffer.concat(chunks)) : refuse('it is truncated')))
    response.on('error', (cause) =>
      fail(new CountersignError('fetch_failed', { reason: 'the connection broke', cause })),
    )
    response.on('close', () => {
      if (!response.complete) refuse('it is truncated')
    })
  })
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((settle, fail) => {
    const onAbort = () => fail(signal.reason as Error)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(settle, fail).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function timeout(reason: string): CountersignError {
  return new CountersignError('fetch_timeout', { reason })
}
