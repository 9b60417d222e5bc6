/**
 * A small server that speaks the revocation protocol, with one log in memory, and with the faults that networks and servers have.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An entry of the feed, as it is on the wire. */
export type WireEntry = Readonly<Record<string, unknown>>

interface Revision {
  readonly tag: string
  readonly entries: readonly WireEntry[]
}

/** What a request was. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string
  readonly body: Record<string, unknown> | undefined
}

/** How the next requests are answered. `late`: a lease that is granted now is answered when `release` is called. */
export type LeaseMode =
  | 'good'
  | 'hang'
  | 'late'
  | 'reset'
  | 'redirect'
  | 'garbage'
  | 'huge'
  | 'unauthorized'
  | 503
  | 500
  | 403
  | 429
/** What the event stream does. `off`: nothing is ever said; `replay`: a proxy that repeats what was old long ago. */
export type StreamMode =
  | 'good'
  | 'off'
  | 'cut'
  | 'replay'
  | 'truncated'
  | 'garbage'
  | 'not-utf8'
  | 'huge'
  | 'forged'
  | 'html'
  | 503

/** The server. */
export interface RevocationServer {
  readonly url: string
  readonly asked: Asked[]
  /** By instance: what it has applied, and until when its lease runs. */
  readonly leases: Map<string, { applied: number; until: number }>
  readonly head: number
  lease: LeaseMode
  stream: StreamMode
  leaseSeconds: number
  serviceId: string
  onUnavailable: string
  pageSize: number
  expiredUpTo: string
  /** Commits a revision with these entries; `{}` is an entry for the jti `gone`. */
  commit(...entries: WireEntry[]): number
  /** A backup of an earlier revision is brought back. */
  restore(revision: number): void
  /** Answers what is held back. */
  release(): void
  /** Cuts every open stream. */
  cutStreams(): void
  stop(): Promise<void>
  start(): Promise<void>
}

/** Starts the server on a port of its own. */
export async function startRevocationServer(): Promise<RevocationServer> {
  let history = 0
  let log: Revision[] = [{ tag: '', entries: [] }]
  let held: (() => void)[] = []
  let streams: ServerResponse[] = []

  const head = () => log.length - 1
  const page = (after: number, limit = self.pageSize) => {
    const through = Math.max(after, Math.min(head(), after + limit))
    return {
      after,
      through,
      tag: log[through]?.tag ?? '',
      head: head(),
      expired_up_to: self.expiredUpTo,
      entries: log.slice(after + 1, through + 1).flatMap((revision) => revision.entries),
      more: through < head(),
    }
  }
  const frame = (after: number) => `event: entries\nid: ${head()}\ndata: ${JSON.stringify(page(after, 1e9))}\n\n`

  function answerLease(instance: string, body: Record<string, unknown>): unknown {
    const applied = Number(body['applied'])
    if (log[applied]?.tag !== body['tag']) return { granted: false, reason: 'history_changed' }
    if (applied < head()) return { granted: false, reason: 'behind', feed: page(applied) }
    const until = Math.max(self.leases.get(instance)?.until ?? 0, Date.now() + self.leaseSeconds * 1000)
    self.leases.set(instance, { applied, until })
    const { leaseSeconds, onUnavailable, serviceId } = self
    return {
      ...{ granted: true, head: head(), lease_seconds: leaseSeconds },
      ...{ service_id: serviceId, on_unavailable: onUnavailable },
    }
  }

  function serveLease(asked: Asked, response: ServerResponse): void {
    const instance = asked.path.split('/')[3] ?? ''
    const { lease: mode } = self
    if (mode === 'hang') return
    if (mode === 'reset') return void response.destroy()
    if (mode === 'unauthorized') return void response.writeHead(401).end()
    if (mode === 'redirect') return void response.writeHead(307, { location: `${self.url}/elsewhere` }).end()
    if (typeof mode === 'number') return void response.writeHead(mode).end('x'.repeat(100_000))
    if (mode === 'garbage') return void response.writeHead(200).end('<html>')
    if (mode === 'huge') {
      response.writeHead(200)
      for (let index = 0; index < 20; index++) response.write(' '.repeat(1_048_576))
      return void response.end('{}')
    }
    if (asked.method === 'DELETE') {
      self.leases.delete(instance)
      return void response.writeHead(204).end()
    }
    const answer = JSON.stringify(answerLease(instance, asked.body ?? {}))
    const send = () => response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
    if (mode === 'late') held.push(send)
    else send()
  }

  function serveStream(after: number, response: ServerResponse): void {
    const { stream: mode } = self
    if (typeof mode === 'number') return void response.writeHead(mode).end()
    if (mode === 'html') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('retry: 50\n\n: here\n\n')
    streams.push(response)
    if (mode === 'cut') response.end()
    else say(response, after)
  }

  function say(response: ServerResponse, after: number): void {
    const { stream: mode } = self
    const text = frame(after)
    if (mode === 'good' && head() > after) response.write(text)
    if (mode === 'replay')
      for (let index = 0; index < 20; index++)
        response.write(frame(Math.max(0, head() - 2)).replace(/"head":\d+/, '"head":0'))
    if (mode === 'truncated') response.end(text.slice(0, -10))
    if (mode === 'garbage') response.end('event: entries\ndata: {"entries":[nonsense\n\n')
    if (mode === 'not-utf8') response.end(Buffer.from([0x64, 0xff, 0xfe, 0x0a]))
    if (mode === 'huge') {
      for (let index = 0; index < 10; index++) response.write(`data: ${'x'.repeat(1_048_576)}\n`)
    }
    if (mode === 'forged') {
      const forged = {
        ...page(0, 1e9),
        through: 1e6,
        head: 1e6,
        tag: 'forged',
        entries: [],
        expired_up_to: '2000-01-01T00:00:00.000Z',
      }
      response.write(`event: entries\nid: 1000000\ndata: ${JSON.stringify(forged)}\n\n`)
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += chunk
    const asked: Asked = {
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      body: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>),
    }
    self.asked.push(asked)
    const path = new URL(asked.path, self.url)
    if (path.pathname === '/v1/revocations') serveStream(Number(path.searchParams.get('after')), response)
    else serveLease(asked, response)
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  let port = 0
  const self: RevocationServer = {
    url: '',
    asked: [],
    leases: new Map(),
    get head() {
      return head()
    },
    lease: 'good',
    stream: 'good',
    leaseSeconds: 30,
    serviceId: 'svc_a',
    onUnavailable: 'deny',
    pageSize: 500,
    expiredUpTo: '1970-01-01T00:00:00.000Z',
    commit(...entries) {
      const revision = head() + 1
      const tag = `h${history}r${revision}`
      log = [...log, { tag, entries: entries.map((entry) => ({ ...DEFAULT_ENTRY, revision, ...entry })) }]
      for (const response of streams) say(response, revision - 1)
      return revision
    },
    restore(revision) {
      history++
      log = log.slice(0, revision + 1)
      self.leases.clear()
    },
    release() {
      for (const send of held) send()
      held = []
    },
    cutStreams() {
      for (const response of streams) response.destroy()
      streams = []
    },
    async stop() {
      streams = []
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
    async start() {
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
      port = (server.address() as AddressInfo).port
    },
  }
  await self.start()
  return Object.assign(self, { url: `http://127.0.0.1:${port}` })
}

const DEFAULT_ENTRY = {
  kind: 'jti',
  value: 'gone',
  up_to_revision: null,
  issued_before: null,
  at: '2026-01-01T00:00:00.000Z',
  expires_at: '2099-01-01T00:00:00.000Z',
}
