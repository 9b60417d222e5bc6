// Two replicas of the published server over one PostgreSQL, for the bench of revocation. Everything ends with the scope.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cleanUp, createTestTarget, type TestScope } from '../test/support/database.ts'
import { findFreePort } from '../test/support/free-port.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { createProofIssuer, type ProofIssuer } from '../test/support/proofs.ts'
import { repositoryOf } from '../test/support/workloads.ts'
import { installPublished } from './published.ts'

const execute = promisify(execFile)
const READY_LIMIT_MS = 30_000
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

type Json = Readonly<Record<string, unknown>>

/** One server process. Requests to `administer` go over its local socket. */
export interface BenchReplica {
  readonly address: string
  readonly pid: number
  start(): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** `kill -9`; resolves when the process is gone. */
  kill(): Promise<void>
  /** @throws Error for a status other than 2xx */
  administer(method: string, path: string, body?: Json): Promise<Json>
  /** The proof of a workload for a token of an audience. */
  exchange(workload: string, audience: string): Promise<string>
}

/** Both replicas, running, with the documents applied. */
export interface BenchInstallation {
  readonly issuer: string
  readonly proofs: ProofIssuer
  readonly postgresPid: number
  readonly replicas: readonly [BenchReplica, BenchReplica]
  proofOf(workload: string): string
}

/** Starts everything; `documents` are given the issuer of proofs. */
export async function installReplicas(
  scope: TestScope,
  documents: (proofs: ProofIssuer) => string,
): Promise<BenchInstallation> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-revoke-'))
  cleanUp(scope, () => rmSync(directory, { recursive: true, force: true }))
  const cli = installPublished(directory)
  const postgres = await startPostgres()
  cleanUp(scope, () => postgres.stop())
  process.env['COUNTERSIGN_TEST_POSTGRES'] = postgres.url
  const target = await createTestTarget(scope)
  if (!('postgres' in target)) throw new Error('no PostgreSQL target')
  const { url, migrateUrl = url } = target.postgres
  const sealKeyFile = join(directory, 'seal-key')
  const files = { urlFile: join(directory, 'url'), migrateUrlFile: join(directory, 'migrate-url') }
  for (const [file, content] of [
    [sealKeyFile, randomBytes(32)],
    [files.urlFile, url],
    [files.migrateUrlFile, migrateUrl],
  ] as const) {
    writeFileSync(file, content, { mode: 0o600 })
  }
  const proofs = createProofIssuer()
  const proofOf = (workload: string) => proofs.sign({ repository_id: repositoryOf(workload) })
  const ports = [await findFreePort(), await findFreePort()]
  const issuer = `http://127.0.0.1:${ports[0]}`
  const create = async (index: number): Promise<BenchReplica> => {
    const configFile = join(directory, `replica-${index}.yaml`)
    const dataDirectory = join(directory, `data-${index}`)
    const port = ports[index]
    const config = {
      issuer,
      listen: { port },
      dataDirectory,
      database: files,
      http: { allowedHosts: [`127.0.0.1:${port}`] },
      limits: { perAddressPerSecond: 1e6, perProviderPerSecond: 1e6, perWorkloadPerSecond: 1e6 },
      signing: { sealKeyFile },
      log: { level: 'error' },
    }
    // JSON is YAML.
    writeFileSync(configFile, JSON.stringify(config))
    const replica = createReplica({ cli, configFile, dataDirectory, address: `http://127.0.0.1:${port}`, proofOf })
    cleanUp(scope, () => replica.kill())
    await replica.start()
    return replica
  }
  const replicas = [await create(0), await create(1)] as const
  const documentsFile = join(directory, 'documents.yaml')
  writeFileSync(documentsFile, documents(proofs))
  await apply(cli, documentsFile, join(directory, 'replica-0.yaml'))
  const head = Number((await replicas[0].administer('GET', '/v1/status'))['revision'])
  while (Number((await replicas[1].administer('GET', '/v1/status'))['revision']) < head) await pause(50)
  return { issuer, proofs, postgresPid: postgres.pid, replicas, proofOf }
}

async function apply(cli: string, file: string, config: string): Promise<void> {
  const options = ['-f', file, '--config', config, '-o', 'json']
  // `diff` exits with 1 when there is something to apply, and prints the hash that a widening is confirmed with.
  const diff = await execute(process.execPath, [cli, 'diff', ...options]).catch((error: { stdout?: string }) => {
    if (!error.stdout) throw error
    return { stdout: error.stdout }
  })
  const { hash } = JSON.parse(diff.stdout) as { hash: string }
  await execute(process.execPath, [cli, 'apply', ...options, '--no-input', '--allow-widening', hash])
}

function createReplica({
  cli,
  configFile,
  dataDirectory,
  address,
  proofOf,
}: {
  readonly cli: string
  readonly configFile: string
  readonly dataDirectory: string
  readonly address: string
  readonly proofOf: (workload: string) => string
}): BenchReplica {
  let child: ChildProcess | undefined
  const replica: BenchReplica = {
    address,
    get pid() {
      return child?.pid ?? 0
    },
    async start() {
      child = spawn(process.execPath, [cli, 'serve', '--config', configFile], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const deadline = performance.now() + READY_LIMIT_MS
      for (;;) {
        if (child.exitCode !== null) throw new Error('a server ended before it was ready')
        const answer = await fetch(`${address}/readyz`).catch(() => undefined)
        await answer?.body?.cancel()
        if (answer?.ok) return
        if (performance.now() > deadline) throw new Error('a server did not become ready')
        await pause(50)
      }
    },
    signal: (signal) => void child?.kill(signal),
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    },
    administer: (method, path, body) =>
      new Promise((resolve, reject) => {
        const content = body && JSON.stringify(body)
        const outgoing = request(
          {
            socketPath: join(dataDirectory, 'run', 'admin.sock'),
            method,
            path,
            agent: false,
            headers: content
              ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }
              : {},
          },
          (answer) => {
            text(answer).then((json) => {
              const status = answer.statusCode ?? 0
              if (status < 300) resolve(JSON.parse(json) as Json)
              else reject(new Error(`${method} ${path} answered ${status}: ${json}`))
            }, reject)
          },
        )
        outgoing.once('error', reject)
        outgoing.end(content)
      }),
    async exchange(workload, audience) {
      const answer = await fetch(`${address}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: GRANT_TYPE,
          audience,
          subject_token: proofOf(workload),
          subject_token_type: JWT,
        }),
      })
      const body = await answer.text()
      if (answer.status !== 200) throw new Error(`the exchange answered ${answer.status}: ${body}`)
      return (JSON.parse(body) as { access_token: string }).access_token
    },
  }
  process.once('exit', () => child?.kill('SIGKILL'))
  return replica
}
