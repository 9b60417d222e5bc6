/** A TCP proxy that lets requests through and does to event streams what bad networks do. */
import { connect, createServer, type Socket } from 'node:net'
import { cleanUp, type TestScope } from './database.ts'

/** What happens to connections that carry an event stream: nothing, cut soon after they begin, or nothing of them ever arrives. */
export type StreamFault = 'none' | 'cut' | 'silent'

/** The proxy. */
export interface CuttingProxy {
  readonly address: string
  fault: StreamFault
  /** Event streams that were begun. */
  readonly streams: number
}

/** Starts a proxy on a port, to another port of this machine. It ends with the test. */
export async function startCuttingProxy(
  scope: TestScope,
  { port, targetPort }: { readonly port: number; readonly targetPort: number },
): Promise<CuttingProxy> {
  const open = new Set<Socket>()
  let streams = 0
  const proxy = { address: `http://127.0.0.1:${port}`, fault: 'none' as StreamFault }
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    let isStream = false
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
    }
    client.on('data', (bytes) => {
      // A request head comes in one piece; the connection is used for nothing else while the stream lasts.
      if (bytes.includes('GET /v1/revocations')) {
        isStream = true
        streams += 1
        if (proxy.fault === 'cut') setTimeout(() => client.destroy(), 100)
      } else isStream = false
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (!isStream || proxy.fault !== 'silent') client.write(bytes)
    })
  })
  cleanUp(scope, async () => {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return Object.defineProperty(proxy as CuttingProxy, 'streams', { get: () => streams })
}
