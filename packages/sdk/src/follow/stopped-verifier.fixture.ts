/** A process that asks about one token without pause, and reports on its standard input's word. Argument: the server's URL. */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { makeCredentials, token } from './follower.fixture.ts'
import { createFollower } from './follower.ts'

const [, , server = ''] = process.argv
const follower = createFollower({ server, service: 'orders-api', credentials: makeCredentials() })
await follower.ready()
const asked = token('gone')
let lastAcceptedAt = 0
let running = true

function ask(): void {
  // Before the question: a process that is stopped in between is judged by the later clock.
  const at = Date.now()
  if (follower.checkSync(asked) === 'accepted') lastAcceptedAt = at
  if (running) setImmediate(ask)
}

ask()
process.stdout.write('ready\n')
for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify({ lastAcceptedAt, instance: follower.state().instance })}\n`)
}
running = false
await follower.close()
