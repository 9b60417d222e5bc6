// An HTTP proxy between followers and a server that does to them what networks and intermediaries do.
import { type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { cleanUp, type TestScope } from '../test/support/database.ts'

/**
 * `pass`: nothing. `cut`: every connection is closed, and each new one. `cut-streams`: the same for event streams only. `lose`:
 * connections stay, nothing arrives any more. `replay`: what is new on a stream is held back and what is old comes again and again,
 * and requests for leases are lost. `late`: streams as with `replay`, and requests for leases arrive, but their answers are late.
 */
export type ProxyFault = 'pass' | 'cut' | 'cut-streams' | 'lose' | 'replay' | 'late'

/** The proxy. */
export interface FaultyProxy {
  readonly address: string
  /** From now on. */
  set(fault: ProxyFault): void
}

const REPLAY_EVERY_MS = 40
const KEPT_EVENTS = 200
/** Within what a follower waits for, and most of a lease of two seconds. */
const LATE_MS = 1_500

/** Starts a proxy to a server on this machine. It ends with the scope. */
export async function startFaultyProxy(scope: TestScope, target: string): Promise<FaultyProxy> {
  const { port } = new URL(target)
  const sockets = new Set<Socket>()
  const streams = new Set<Stream>()
  const events: string[] = []
  let fault: ProxyFault = 'pass'

  const server = createServer((incoming, outgoing) => {
    const isStream = incoming.headers.accept === 'text/event-stream'
    if (fault === 'cut' || (fault === 'cut-streams' && isStream)) return void incoming.socket.destroy()
    // Never answered: the connection stays as it is until its client gives up.
    if (fault === 'lose' || (fault === 'replay' && !isStream)) return void incoming.resume()
    const headers = { ...incoming.headers, host: `127.0.0.1:${port}` }
    const upstream = request({
      port,
      host: '127.0.0.1',
      agent: false,
      method: incoming.method,
      path: incoming.url,
      headers,
    })
    upstream.on('error', () => incoming.socket.destroy())
    outgoing.on('close', () => upstream.destroy())
    if (isStream) return openStream(incoming, outgoing, upstream)
    upstream.on('response', (answer) => {
      const forward = () => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      }
      // Asked again: what has become of the network while the server answered.
      if (fault === 'lose' || fault === 'replay') answer.resume()
      else if (fault === 'late') setTimeout(forward, LATE_MS)
      else forward()
    })
    incoming.pipe(upstream)
  })

  function openStream(incoming: IncomingMessage, outgoing: ServerResponse, upstream: ClientRequest): void {
    const stream: Stream = { socket: incoming.socket, outgoing, held: [] }
    upstream.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      outgoing.flushHeaders()
      streams.add(stream)
      outgoing.on('close', () => streams.delete(stream))
      let rest = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\n\n')
        rest = parts.pop() ?? ''
        for (const event of parts.map((part) => `${part}\n\n`)) {
          if (fault !== 'pass') stream.held.push(event)
          else {
            outgoing.write(event)
            if (event.includes('event: entries')) events.push(event)
            if (events.length > KEPT_EVENTS) events.shift()
          }
        }
      })
      answer.on('end', () => outgoing.end())
    })
    upstream.end()
  }

  const replay = setInterval(() => {
    if (fault !== 'replay' && fault !== 'late') return
    for (const { outgoing } of streams) {
      const event = events[Math.floor(Math.random() * events.length)]
      if (event === undefined) continue
      outgoing.write(event)
    }
  }, REPLAY_EVERY_MS)

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    if (fault === 'cut') socket.destroy()
  })
  server.keepAliveTimeout = 60_000
  cleanUp(scope, async () => {
    clearInterval(replay)
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))

  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set(next) {
      fault = next
      if (next === 'cut') for (const socket of sockets) socket.destroy()
      if (next === 'cut-streams') for (const { socket } of streams) socket.destroy()
      if (next !== 'pass') return
      for (const { outgoing, held } of streams) for (const event of held.splice(0)) outgoing.write(event)
    },
  }
}

interface Stream {
  readonly socket: Socket
  readonly outgoing: ServerResponse
  /** What came while nothing was let through. */
  readonly held: string[]
}
