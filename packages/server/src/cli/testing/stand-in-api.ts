import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as the stand-in received it. */
export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** What the stand-in answers; text is sent as it is, anything else as JSON. */
export interface StandInAnswer {
  readonly status?: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Never answers. */
  readonly hang?: boolean
  /** Breaks the connection after the headers. */
  readonly breaks?: boolean
}

/** An HTTP server that stands in for the API where the subject of a test is the command line. */
export interface StandInApi {
  readonly url: string
  readonly requests: ReceivedRequest[]
  /** Sets the answer of `METHOD /path`; a list is used up one by one, its last for ever. */
  answer(route: string, ...answers: readonly StandInAnswer[]): void
  close(): Promise<void>
}

/** Starts a stand-in on loopback, or on a unix socket. Unknown routes are the API's 404 problem. */
export async function startStandInApi(socketPath?: string): Promise<StandInApi> {
  const answers = new Map<string, StandInAnswer[]>()
  const requests: ReceivedRequest[] = []
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const { method = '', headers } = request
    requests.push({ method, path: url.pathname, query: url.searchParams, headers, body })
    const queue = answers.get(`${method} ${url.pathname}`)
    const answer = (queue && queue.length > 1 ? queue.shift() : queue?.[0]) ?? NOT_FOUND
    if (answer.hang) return
    const isText = typeof answer.body === 'string'
    response.writeHead(answer.status ?? 200, {
      'content-type': isText ? 'text/plain' : 'application/json',
      ...answer.headers,
    })
    if (answer.breaks) {
      response.write('{"half":')
      response.destroy()
      return
    }
    response.end(isText ? answer.body : answer.body === undefined ? undefined : JSON.stringify(answer.body))
  })
  await listening(server, socketPath)
  return {
    url: socketPath ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (route, ...list) => void answers.set(route, [...list]),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A problem document as the API sends it. */
export function problem(status: number, code: string, more: Readonly<Record<string, unknown>> = {}): StandInAnswer {
  return {
    status,
    body: { type: `urn:test#${code}`, title: code, status, code, request_id: 'req_0000000000', ...more },
    headers: { 'content-type': 'application/problem+json' },
  }
}

const NOT_FOUND = problem(404, 'not_found')

async function listening(server: Server, socketPath: string | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    if (socketPath === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(socketPath, resolve)
  })
}
