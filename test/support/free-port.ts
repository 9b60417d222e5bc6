/** Ports for servers that tests start, stop and start again at the same address. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * A port on 127.0.0.1 that is free now. Below the range from which the kernel takes ports for outgoing connections, so that none of
 * those sits on it while a server restarts.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(20_000, 32_000)
    if (await isFree(port)) return port
  }
  throw new Error('no free port on 127.0.0.1')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const probe = createServer()
    probe.once('error', () => answer(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)))
  })
}
