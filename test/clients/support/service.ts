/** A service of examples/verify-with-LIBRARY in a process of its own. */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { cleanUp, type TestScope } from '../../support/database.ts'

/** How a service is started: a command, where, and with which variables besides PATH, ISSUER, AUDIENCE and PORT. */
export interface ServiceCommand {
  readonly command: readonly [string, ...string[]]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
}

/** A running service. */
export interface Service {
  /** What it answers to `GET /orders`. `authorization` is the whole header. */
  ask(authorization?: string): Promise<{ status: number; challenge: string; body: string }>
  /** Everything that it has printed. */
  log(): string
}

const START_LIMIT_MS = 120_000

/** Starts a service on a free port; it ends with the test. @throws Error with its output when it does not start. */
export async function startService(
  scope: TestScope,
  { command: [program, ...args], cwd, env = {} }: ServiceCommand,
  { issuer, audience }: { readonly issuer: string; readonly audience: string },
): Promise<Service> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(program, args, {
    cwd,
    env: { PATH, HOME, ISSUER: issuer, AUDIENCE: audience, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(`ended with ${code ?? signal}`))
  })
  cleanUp(scope, async () => {
    process.off('exit', kill)
    kill()
    await ended
  })
  let printed = ''
  const limit = setTimeout(kill, START_LIMIT_MS)
  const address = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        printed += chunk
        const found = /orders API on (http:\/\/127\.0\.0\.1:\d+)/.exec(printed)?.[1]
        if (found !== undefined) resolve(found)
      })
    }
    ended.then((how) => reject(new Error(`${program} ${args.join(' ')}: ${how}\n${printed}`)))
  }).finally(() => clearTimeout(limit))
  return {
    async ask(authorization) {
      const headers = authorization === undefined ? {} : { authorization }
      const response = await fetch(`${address}/orders`, { headers, redirect: 'manual' })
      const challenge = response.headers.get('www-authenticate') ?? ''
      return { status: response.status, challenge, body: await response.text() }
    },
    log: () => printed,
  }
}
