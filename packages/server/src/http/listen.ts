import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { ServiceError } from '../errors.ts'
import { newId } from '../lib/index.ts'
import type { HttpApp } from './app.ts'
import type { ListenerName } from './context.ts'
import type { DirectRoute } from './direct.ts'
import { problemResponse } from './errors.ts'

/** Limits of one listener. Milliseconds and counts. */
export interface ListenerLimits {
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From the first byte of a request to the end of its body. */
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** A connection on which nothing moves in either direction. */
  readonly idleTimeoutMs: number
  readonly maxHeaders: number
  /** Connections beyond this are closed at once. */
  readonly maxConnections: number
}

/** Slow and idle connections (slowloris, R-19) end within seconds; honest clients never notice. */
export const DEFAULT_LIMITS: ListenerLimits = {
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 15_000,
  keepAliveTimeoutMs: 15_000,
  // Longer than a revocation may wait for its receipt: nothing moves meanwhile.
  idleTimeoutMs: 90_000,
  maxHeaders: 64,
  maxConnections: 8_192,
}

/** Where to listen. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string }

/** A running listener. */
export interface Listener {
  readonly name: ListenerName
  /** The port in use (TCP), also when port 0 was asked for. */
  readonly port: number | undefined
  /**
   * Stops accepting, lets requests in flight finish for at most `graceMs` (default 10 s), then cuts what is left.
   * Resolves when every connection is gone; calling it again waits for the same end.
   */
  stop(graceMs?: number): Promise<void>
}

/** What {@link listen} needs. */
export interface ListenInput {
  readonly app: HttpApp
  readonly issuer: string
  readonly name: ListenerName
  readonly address: ListenAddress
  readonly limits?: Partial<ListenerLimits>
  /** Asked first for every request; see `direct.ts`. */
  readonly direct?: DirectRoute
}

interface ListenerState {
  stopping: boolean
  /** Connections on which no request has come yet. Node counts them as busy, so a stop would wait for their headers. */
  readonly unused: Set<Socket>
}

// The header block may hold a 16 KiB token and a few more lines, and no more.
const MAX_HEADER_BYTES = 24 * 1024

/**
 * Serves the app on one TCP address or unix socket. Which listener a request came through is bound here, to the server object.
 * Rejects with the system's error (EADDRINUSE, EACCES ...) when the address cannot be taken.
 */
export async function listen(input: ListenInput): Promise<Listener> {
  const limits = { ...DEFAULT_LIMITS, ...input.limits }
  const state: ListenerState = { stopping: false, unused: new Set() }
  const serve = getRequestListener(
    (request, env) => input.app.fetch(request, { ...env, listener: input.name }),
    // A request that cannot even be represented: bad Host, bad target. Nothing of it is echoed.
    { errorHandler: () => unreadable(input.issuer) },
  )
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
      // RFC 9112 section 3.2: a request without Host is refused.
      requireHostHeader: true,
      // A header that may come once only is two values when it comes twice, and neither is ours to choose (RFC 9112 section 3.2: Host).
      joinDuplicateHeaders: true,
      insecureHTTPParser: false,
    },
    (incoming, outgoing) => {
      state.unused.delete(incoming.socket)
      if (state.stopping) outgoing.shouldKeepAlive = false
      // Node drops headers above its own limit without a word; a request that lost some must not be answered as if it had none.
      if (incoming.rawHeaders.length > limits.maxHeaders * 2) {
        outgoing.writeHead(431, { connection: 'close' }).end()
        return
      }
      if (input.direct?.(incoming, outgoing) === true) return
      void serve(incoming, outgoing)
    },
  )
  server.on('connection', (socket) => {
    state.unused.add(socket)
    socket.once('close', () => state.unused.delete(socket))
  })
  server.maxHeadersCount = limits.maxHeaders * 2
  server.maxConnections = limits.maxConnections
  // Ends what neither reads nor writes, e.g. a client that asked for an export and takes nothing.
  server.timeout = limits.idleTimeoutMs
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const listening = (): void => {
      server.off('error', reject)
      resolve()
    }
    if ('socketPath' in input.address) server.listen(input.address.socketPath, listening)
    else server.listen(input.address.port, input.address.host, listening)
  })
  return { name: input.name, port: portOf(server), stop: createStop(server, state) }
}

function unreadable(issuer: string): Response {
  const error = new ServiceError('invalid_request', { detail: 'the Host header or the target is not valid' })
  return problemResponse(error, { issuer, requestId: newId('req', new Date()), headers: { connection: 'close' } })
}

function portOf(server: Server): number | undefined {
  const address = server.address()
  return address !== null && typeof address === 'object' ? (address as AddressInfo).port : undefined
}

function createStop(server: Server, state: ListenerState): Listener['stop'] {
  let stopped: Promise<void> | undefined
  return (graceMs = 10_000) => {
    state.stopping = true
    stopped ??= new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), graceMs)
      // A connection whose last answer has gone out is idle, not closed: without this it would outlive its keep-alive time.
      const sweep = setInterval(() => server.closeIdleConnections(), 50)
      server.close(() => {
        clearTimeout(cut)
        clearInterval(sweep)
        resolve()
      })
      server.closeIdleConnections()
      for (const socket of state.unused) socket.destroy()
    })
    return stopped
  }
}
