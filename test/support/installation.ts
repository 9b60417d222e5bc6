/**
 * A whole installation for end-to-end tests: a temporary directory, a database of the engine under test, a key-encryption key, and
 * replicas that are real server processes. Every process is ended and everything is removed when the test ends, also when it fails.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { MIGRATIONS, type Tables } from '../../packages/server/src/schema/index.ts'
import { type Database, type DatabaseTarget, openDatabase } from '../../packages/server/src/storage/index.ts'
import { type CommandEnd, type RunningCommand, runCommand, startCommand } from './command-line.ts'
import { cleanUp, createTestTarget, type TestScope } from './database.ts'
import { findFreePort } from './free-port.ts'
import { createProofIssuer, documentsFor, ORDERS_AUDIENCE, type ProofIssuer } from './proofs.ts'

const READY_LIMIT_MS = 60_000
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const TYPE = 'urn:ietf:params:oauth:token-type:'

/** An answer over HTTP; `json` is the parsed body, or undefined when it is no JSON object. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Readonly<Record<string, unknown>> | undefined
}

/** One server process of an installation, which can be ended and started again at the same address. */
export interface Replica {
  /** `http://127.0.0.1:PORT` */
  readonly address: string
  readonly configFile: string
  readonly dataDirectory: string
  readonly pid: number
  /** Starts the process and resolves when it is ready. @throws Error with its log when it ends instead. */
  start(): Promise<void>
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves to how the process ended. */
  stop(): Promise<CommandEnd>
  /** What all of its processes have logged. */
  log(): string
  /** Runs `countersign ARGS` against this replica over its local socket. */
  cli(...args: readonly string[]): Promise<CommandEnd>
  /** The same with `-o json`, whose output is returned. @throws Error when it exits with 2 or more. */
  cliJson(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>>
  /** Diffs and applies the documents of the installation, with the hash that `diff` prints. */
  apply(): Promise<void>
  /** Resolves when this replica has applied every revision that the other one has. */
  follow(other: Replica): Promise<void>
  request(path: string, init?: RequestInit): Promise<HttpAnswer>
  /** Posts a form to `/oauth/token`: the exchange of a proof, with parameters changed (undefined leaves one out). */
  exchange(proof: string, changes?: Readonly<Record<string, string | undefined>>): Promise<HttpAnswer>
}

/** What an installation is made with. */
export interface InstallationOptions {
  /** Sections of every replica's configuration. */
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** A directory, a database, an issuer of proofs, and the replicas over them. */
export interface Installation {
  readonly directory: string
  readonly issuer: string
  readonly proofs: ProofIssuer
  readonly target: DatabaseTarget
  /** Adds a replica (embedded: only one can run). It is not started. */
  addReplica(): Promise<Replica>
  /** Opens the database itself, for looking; embedded: only while no replica runs. The caller closes it. */
  open(): Promise<Database<Tables>>
}

/** Makes an installation. Limits on exchanges are out of the way; a test that is about them sets its own. */
export async function createInstallation(
  scope: TestScope,
  { config = {} }: InstallationOptions = {},
): Promise<Installation> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-e2e-'))
  cleanUp(scope, () => rmSync(directory, { recursive: true, force: true }))
  const target = await createTestTarget(scope)
  const proofs = createProofIssuer()
  const sealKeyFile = join(directory, 'seal-key')
  writeFileSync(sealKeyFile, randomBytes(32), { mode: 0o600 })
  writeFileSync(join(directory, 'documents.yaml'), documentsFor(proofs))
  const firstPort = await findFreePort()
  const issuer = `http://127.0.0.1:${firstPort}`
  let count = 0

  const databaseFiles = (): Record<string, string> => {
    if ('embedded' in target) return {}
    const files: Record<string, string> = {}
    for (const [key, value] of Object.entries({ url: target.postgres.url, migrateUrl: target.postgres.migrateUrl })) {
      if (value === undefined) continue
      writeFileSync(join(directory, key), value, { mode: 0o600 })
      files[`${key}File`] = join(directory, key)
    }
    return files
  }

  return {
    directory,
    issuer,
    proofs,
    target,
    async addReplica() {
      const name = String(count)
      const port = count === 0 ? firstPort : await findFreePort()
      count += 1
      const configFile = join(directory, `replica-${name}.yaml`)
      const dataDirectory = 'embedded' in target ? target.embedded.directory : join(directory, `data-${name}`)
      const content = {
        issuer,
        listen: { port },
        dataDirectory,
        database: databaseFiles(),
        http: { allowedHosts: [`127.0.0.1:${port}`] },
        limits: { perAddressPerSecond: 1e6, perProviderPerSecond: 1e6, perWorkloadPerSecond: 1e6 },
        ...config,
        signing: { sealKeyFile, ...config['signing'] },
      }
      // JSON is YAML.
      writeFileSync(configFile, JSON.stringify(content, undefined, 2))
      mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
      const replica = createReplica({ directory, configFile, dataDirectory, address: `http://127.0.0.1:${port}` })
      cleanUp(scope, async () => void (await replica.kill()))
      return replica
    },
    open: () =>
      openDatabase<Tables>({
        migrations: MIGRATIONS,
        target: 'postgres' in target ? { postgres: { url: target.postgres.url } } : target,
        now: () => new Date(),
      }),
  }
}

function createReplica({
  directory,
  configFile,
  dataDirectory,
  address,
}: {
  readonly directory: string
  readonly configFile: string
  readonly dataDirectory: string
  readonly address: string
}): Replica {
  let command: RunningCommand | undefined
  let earlierLogs = ''

  const end = async (signal: NodeJS.Signals): Promise<CommandEnd> => {
    if (!command) return { exit: null, stdout: '', stderr: '' }
    command.child.kill(signal)
    const ended = await command.ended
    earlierLogs += ended.stderr
    command = undefined
    return ended
  }

  const cli: Replica['cli'] = (...args) => runCommand([...args, '--config', configFile], { cwd: directory })
  const request: Replica['request'] = async (path, init) => {
    const answer = await fetch(`${address}${path}`, { redirect: 'manual', ...init })
    const body = await answer.text()
    return { status: answer.status, headers: answer.headers, text: body, json: parseObject(body) }
  }

  const replica: Replica = {
    address,
    configFile,
    dataDirectory,
    get pid() {
      return command?.child.pid ?? 0
    },
    async start() {
      if (command) throw new Error('the replica is running')
      const started = startCommand(['serve', '--config', configFile], { cwd: directory })
      command = started
      const { ended } = started
      const deadline = Date.now() + READY_LIMIT_MS
      for (;;) {
        const outcome = await Promise.race([ended, isReady(address)])
        if (outcome === true) return
        if (typeof outcome === 'object' || Date.now() > deadline) {
          await end('SIGKILL')
          throw new Error(`the server did not become ready\n${started.stderr()}`)
        }
        await pause(25)
      }
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    log: () => earlierLogs + (command?.stderr() ?? ''),
    cli,
    async cliJson(...args) {
      const result = await cli(...args, '-o', 'json')
      const json = parseObject(result.stdout)
      if (result.exit === null || result.exit >= 2 || !json) {
        throw new Error(`countersign ${args.join(' ')} ended with ${result.exit}\n${result.stdout}${result.stderr}`)
      }
      return json
    },
    async apply() {
      const file = join(directory, 'documents.yaml')
      const plan = await replica.cliJson('diff', '-f', file)
      const result = await cli('apply', '-f', file, '--allow-widening', String(plan['hash']))
      if (result.exit !== 0) throw new Error(`apply ended with ${result.exit}\n${result.stdout}${result.stderr}`)
    },
    async follow(other) {
      const revision = await appliedRevision(other.dataDirectory)
      while ((await appliedRevision(dataDirectory)) < revision) await pause(50)
    },
    request,
    exchange(proof, changes = {}) {
      const form = {
        grant_type: TOKEN_EXCHANGE,
        audience: ORDERS_AUDIENCE,
        scope: 'orders:deploy',
        requested_token_type: `${TYPE}access_token`,
        subject_token: proof,
        subject_token_type: `${TYPE}jwt`,
        ...changes,
      }
      const pairs = Object.entries(form).filter((pair): pair is [string, string] => pair[1] !== undefined)
      return request('/oauth/token', { method: 'POST', body: new URLSearchParams(pairs) })
    },
  }
  return replica
}

async function isReady(address: string): Promise<boolean> {
  const answer = await fetch(`${address}/readyz`).catch(() => undefined)
  await answer?.body?.cancel()
  return answer?.ok === true
}

/** The newest revision that a server has applied, as it says itself over its local socket. */
async function appliedRevision(dataDirectory: string): Promise<number> {
  const run = join(dataDirectory, 'run')
  const pointer = join(run, 'admin.sock.path')
  const socketPath = existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(run, 'admin.sock')
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ socketPath, path: '/v1/status', agent: false }, resolve).once('error', reject)
  })
  const revision = parseObject(await text(answer))?.['revision']
  if (typeof revision !== 'number') throw new Error(`status ${answer.statusCode} without a revision`)
  return revision
}

function parseObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** The process's resident memory in MiB (Linux). */
export function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024
}
