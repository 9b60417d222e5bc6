import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

/** What is answered: a status, a body (text as it is, anything else as JSON) and headers; or whatever a listener does. */
export type StandInAnswer =
  | { readonly status?: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | RequestListener

/** One request as it arrived. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A server on loopback whose answers a test sets. */
export interface StandInServer {
  readonly url: string
  readonly requests: ReceivedRequest[]
  /** Requests of one path. */
  to(path: string): readonly ReceivedRequest[]
  /** Sets the answers of a path; they are used up one by one, the last for ever. */
  answer(path: string, ...answers: readonly StandInAnswer[]): void
}

/** Starts a server that ends with the test; it answers with metadata of its own, unless told otherwise, and with 404. */
export async function startStandIn(t: TestContext, host = '127.0.0.1'): Promise<StandInServer> {
  const answers = new Map<string, StandInAnswer[]>()
  const requests: ReceivedRequest[] = []
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    requests.push({
      method: request.method ?? '',
      path,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    })
    const queue = answers.get(path) ?? []
    const answer = (queue.length > 1 ? queue.shift() : queue[0]) ?? { status: 404, body: 'nothing here' }
    if (typeof answer === 'function') return answer(request, response)
    const { status = 200, body = '', headers = {} } = answer
    const isText = typeof body === 'string'
    response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json', ...headers })
    response.end(isText ? body : JSON.stringify(body))
  })
  await new Promise<void>((listening) => server.listen(0, host, listening))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  answers.set('/.well-known/oauth-authorization-server', [
    { body: { issuer: url, token_endpoint: `${url}/oauth/token` } },
  ])
  return {
    url,
    requests,
    to: (path) => requests.filter((request) => request.path === path),
    answer: (path, ...list) => void answers.set(path, [...list]),
  }
}

/** The answer that grants a token. */
export function granted(accessToken: string, changes: Readonly<Record<string, unknown>> = {}): { body: object } {
  return {
    body: {
      access_token: accessToken,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'orders:read',
      event_id: 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v',
      ...changes,
    },
  }
}
