import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JsonObject } from '../../lib/index.ts'

/** An answer of an emulated issuer. */
export interface IssuerAnswer {
  readonly status: number
  readonly body: JsonObject
  readonly contentType?: string
}

/** Answers one request, or undefined for 404. */
export type AnswerRequest = (request: IncomingMessage, url: URL) => IssuerAnswer | undefined

/** A listening emulated issuer. */
export interface IssuerServer {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly origin: string
  /** Requests answered so far by path, for tests that count fetches. */
  requests(path: string): number
  close(): Promise<void>
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1'])

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve(server.address() as AddressInfo)
    })
  })
}

/**
 * Serves an emulated issuer on loopback. Such an issuer signs whatever it is asked to, so it must never be reachable from elsewhere:
 * any other host is refused before a socket exists.
 * @throws RangeError for a host that is not loopback; the listen error when the port is busy (`EADDRINUSE`).
 */
export async function startIssuerServer(options: {
  readonly host: string | undefined
  readonly port: number
  readonly answer: AnswerRequest
}): Promise<IssuerServer> {
  const host = options.host ?? '127.0.0.1'
  if (!LOOPBACK.has(host)) throw new RangeError('an emulated issuer listens on 127.0.0.1 or ::1 only')
  const counts = new Map<string, number>()
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    const url = URL.parse(request.url ?? '/', 'http://issuer.invalid')
    const answer = url === null ? undefined : options.answer(request, url)
    if (url !== null && answer !== undefined) counts.set(url.pathname, (counts.get(url.pathname) ?? 0) + 1)
    const { status, body, contentType } = answer ?? { status: 404, body: { error: 'not_found' } }
    response.writeHead(status, { 'content-type': contentType ?? 'application/json', 'cache-control': 'no-store' })
    response.end(request.method === 'HEAD' ? undefined : JSON.stringify(body))
  })
  const address = await listen(server, options.port, host)
  const origin = `http://${host === '::1' ? '[::1]' : host}:${address.port}`
  return {
    origin,
    requests: (path) => counts.get(path) ?? 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
