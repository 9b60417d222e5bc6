/** The example API of examples/orders-api, in a process of its own, as its README starts it. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { ROOT } from './documentation.ts'

/** A running example API. */
export interface ExampleApi {
  readonly address: string
  /** What it has logged so far. */
  log(): string
  close(): Promise<void>
}

/** Starts it on a free port; resolves when it listens. */
export async function startExampleApi(options: {
  readonly issuer: string
  readonly audience: string
}): Promise<ExampleApi> {
  const child = spawn(process.execPath, ['--conditions=source', 'server.ts'], {
    cwd: join(ROOT, 'examples/orders-api'),
    env: { PATH: process.env['PATH'] ?? '', ISSUER: options.issuer, AUDIENCE: options.audience, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
  })
  const address = await new Promise<string>((resolve, reject) => {
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk
      const found = /orders API on (http:\/\/127\.0\.0\.1:\d+)/.exec(printed)?.[1]
      if (found !== undefined) resolve(found)
    })
    ended.then(() => reject(new Error(`the example ended: ${log}`)))
  })
  return {
    address,
    log: () => log,
    async close() {
      process.off('exit', kill)
      child.kill('SIGTERM')
      await ended
    },
  }
}
