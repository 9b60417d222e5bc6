// The load generator, in a process of its own: keep-alive connections over plain sockets, each sending its next request when the
// answer is in. Bounded in count and time; talks to 127.0.0.1 only. Usage: load.ts PORT CONNECTIONS FIRST COUNT BODIES_FILE
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import process from 'node:process'

const [port = '0', connections = '1', first = '0', count = '0', file = ''] = process.argv.slice(2)
const TIME_LIMIT_MS = 120_000
const bodies = readFileSync(file, 'latin1')
  .split('\n')
  .slice(Number(first), Number(first) + Number(count))
const statuses: Record<string, number> = {}
const latencies: number[] = []
let next = 0
let failure = ''

function runConnection(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), noDelay: true })
    let received = ''
    let sentAt = 0
    const send = () => {
      const body = bodies[next]
      if (body === undefined) {
        socket.end()
        resolve()
        return
      }
      next += 1
      sentAt = performance.now()
      const head = `POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`
      socket.write(head + body, 'latin1')
    }
    socket.setEncoding('latin1')
    socket.on('connect', send)
    socket.on('data', (chunk: string) => {
      received += chunk
      const end = received.indexOf('\r\n\r\n')
      if (end === -1) return
      const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, end))?.[1]
      if (length === undefined) {
        failure = 'an answer without content-length'
        socket.destroy()
        resolve()
        return
      }
      if (received.length < end + 4 + Number(length)) return
      const status = received.slice(9, 12)
      statuses[status] = (statuses[status] ?? 0) + 1
      latencies.push(performance.now() - sentAt)
      received = ''
      send()
    })
    socket.on('error', (error) => {
      failure = error.message
      resolve()
    })
  })
}

const startedAt = performance.now()
const timer = setTimeout(() => process.exit(3), TIME_LIMIT_MS)
await Promise.all(Array.from({ length: Number(connections) }, runConnection))
clearTimeout(timer)
const seconds = (performance.now() - startedAt) / 1000
latencies.sort((a, b) => a - b)
const quantile = (q: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? 0
process.stdout.write(JSON.stringify({ statuses, seconds, p50_ms: quantile(0.5), p99_ms: quantile(0.99), failure }))
