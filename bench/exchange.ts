// The exchange on both engines beside the bare limit: server CPU per exchange, at 1, 16 and 64 connections, proofs unique and signed
// beforehand, the load in a process of its own. CPU is the operating system's account of the whole server process.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createTestTarget } from '../test/support/database.ts'
import { startPostgres, type TestPostgres } from '../test/support/postgres.ts'
import { cpuMsOf, cpuMsOfTree, residentMiB } from './process-cpu.ts'
import { createProofSource, type ProofSource } from './proofs.ts'
import { installPublished } from './published.ts'
import type { Bar, BenchResult } from './report.ts'

const here = dirname(fileURLToPath(import.meta.url))
const AUDIENCE = 'https://orders.acme.internal'
/** Enough for the compiler to have seen the whole path: a service runs for weeks, a benchmark for seconds. */
const WARM_UP = 8_000
const RUNS = [
  { connections: 1, count: 1_500 },
  { connections: 16, count: 8_000 },
  { connections: 64, count: 8_000 },
] as const
/** Design section 12: server CPU per exchange in milliseconds, and as a ratio to the bare limit of the same run. */
const LIMITS = { postgres: { cpuMs: 0.25, ratio: 2.0 }, embedded: { cpuMs: 0.3, ratio: 2.4 } } as const
const execute = promisify(execFile)

interface Measured {
  readonly connections: number
  readonly cpuMs: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly databaseCpuMs: number | undefined
}

interface Target {
  readonly name: 'bare' | 'embedded' | 'postgres'
  readonly child: ChildProcess
  readonly port: number
}

/** Measures all three servers in turn and compares. */
export async function run(): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  const cli = installPublished(directory)
  const cleanups: (() => Promise<void> | void)[] = [() => rmSync(directory, { recursive: true, force: true })]
  try {
    const proofs = createProofSource()
    const total = WARM_UP + RUNS.reduce((sum, { count }) => sum + count, 0)
    process.stderr.write(`signing ${total} proofs ...\n`)
    const bodiesFile = join(directory, 'bodies')
    const writeBodies = () => writeFileSync(bodiesFile, proofs.sign(total).map(toBody).join('\n'))
    writeBodies()
    const bare = await startBare(directory, proofs)
    const limit = await measureAll(bare, bodiesFile, undefined)
    await stop(bare.child)

    const postgres = await startPostgres()
    cleanups.push(() => postgres.stop())
    const results: { engine: 'postgres' | 'embedded'; measured: Measured[]; rss: number }[] = []
    for (const engine of ['postgres', 'embedded'] as const) {
      writeBodies()
      const server = await startServer({ engine, cli, directory, proofs, postgres, cleanups })
      const measured = await measureAll(server, bodiesFile, engine === 'postgres' ? postgres : undefined)
      results.push({ engine, measured, rss: residentMiB(server.child.pid ?? 0) })
      await stop(server.child)
    }
    return toResult(limit, results)
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup()
  }
}

function toBody(proof: string): string {
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: AUDIENCE,
    scope: 'orders:deploy',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: proof,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  }).toString()
}

async function startBare(directory: string, proofs: ProofSource): Promise<Target> {
  const pem = join(directory, 'bare.pem')
  writeFileSync(pem, proofs.publicPem)
  const child = spawn(process.execPath, [join(here, 'bare-server.ts'), pem], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { name: 'bare', child, port: Number(line.toString()) }
}

interface ServerToStart {
  readonly engine: 'postgres' | 'embedded'
  readonly cli: string
  readonly directory: string
  readonly proofs: ProofSource
  readonly postgres: TestPostgres
  readonly cleanups: (() => Promise<void> | void)[]
}

async function startServer(input: ServerToStart): Promise<Target> {
  const { engine, cli, directory, proofs, postgres, cleanups } = input
  const data = join(directory, engine)
  const port = 18_700 + (engine === 'postgres' ? 0 : 1)
  const config = join(directory, `${engine}.yaml`)
  const lines = [
    `issuer: http://127.0.0.1:${port}`,
    `listen: { port: ${port} }`,
    `dataDirectory: ${data}`,
    'log: { level: warn }',
  ]
  lines.push('limits: { perAddressPerSecond: 1000000, perProviderPerSecond: 1000000, perWorkloadPerSecond: 1000000 }')
  if (engine === 'postgres') {
    process.env['COUNTERSIGN_TEST_POSTGRES'] = postgres.url
    const target = await createTestTarget({ after: (work) => void cleanups.push(work) })
    if (!('postgres' in target)) throw new Error('no PostgreSQL target')
    const { url, migrateUrl = url } = target.postgres
    for (const [name, value] of Object.entries({ url, migrateUrl })) {
      writeFileSync(join(directory, name), value, { mode: 0o600 })
    }
    lines.push(`database: { urlFile: ${join(directory, 'url')}, migrateUrlFile: ${join(directory, 'migrateUrl')} }`)
  }
  writeFileSync(config, `${lines.join('\n')}\n`)
  const child = spawn(process.execPath, [cli, 'serve', '--config', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  await ready(port, child)
  const documents = join(directory, 'documents.yaml')
  writeFileSync(documents, toDocuments(proofs))
  await execute(process.execPath, [
    cli,
    'apply',
    '-f',
    documents,
    '--config',
    config,
    '--no-input',
    ...(await wideningOf(cli, documents, config)),
  ])
  return { name: engine, child, port }
}

/** The hash that `diff` prints: applying a first policy widens, and says so. */
async function wideningOf(cli: string, documents: string, config: string): Promise<string[]> {
  const args = [cli, 'diff', '-f', documents, '--config', config, '-o', 'json']
  const answer = await execute(process.execPath, args).catch((error: { stdout?: string; stderr?: string }) => {
    if (!error.stdout) throw error
    return { stdout: error.stdout }
  })
  const plan = JSON.parse(answer.stdout) as { hash?: string; plan?: { hash: string } }
  const hash = plan.hash ?? plan.plan?.hash
  if (!hash) throw new Error(`diff printed no hash: ${answer.stdout}`)
  return ['--allow-widening', hash]
}

function toDocuments(proofs: ProofSource): string {
  return `apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: github-acme, owner: team:platform, purpose: CI of the acme organisation, reviewBy: 2027-05-01 }
spec:
  preset: github-actions
  issuer: ${proofs.issuer}
  audience: ${proofs.audience}
  keys: { jwks: ${JSON.stringify(proofs.jwks)} }
  require: { repository_owner_id: "123456" }
---
apiVersion: countersign/v1
kind: Team
metadata: { name: platform }
spec: {}
---
apiVersion: countersign/v1
kind: Service
metadata: { name: orders-api, owner: team:platform, purpose: takes orders, environment: production }
spec:
  audience: ${AUDIENCE}
  scopes: [orders:read, orders:write, orders:deploy]
---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: deploy-orders, owner: team:platform, purpose: deploys the orders API, environment: production, reviewBy: 2027-05-01 }
spec:
  provider: github-acme
  match:
    repository_owner_id: "123456"
    repository_id: "456789"
    ref: refs/heads/main
    environment: production
    job_workflow_ref: acme/orders/.github/workflows/deploy.yml@refs/heads/main
    event_name: { in: [push] }
  grant: { service: orders-api, scopes: [orders:deploy], ttl: 15m }
  mode: enforce
`
}

async function ready(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (child.exitCode !== null) throw new Error('the server ended before it was ready')
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the server did not become ready')
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function measureAll(target: Target, bodies: string, postgres: TestPostgres | undefined): Promise<Measured[]> {
  await load(target.port, 64, 0, WARM_UP, bodies)
  let first = WARM_UP
  const measured: Measured[] = []
  for (const { connections, count } of RUNS) {
    process.stderr.write(`${target.name} at ${connections} ...\n`)
    const pid = target.child.pid ?? 0
    const before = { server: cpuMsOf(pid), database: postgres ? cpuMsOfTree(postgres.pid) : 0 }
    const answer = await load(target.port, connections, first, count, bodies)
    // What the server does after its last answer (sealing, confirmations) belongs to the exchanges too.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    first += count
    measured.push({
      connections,
      cpuMs: round((cpuMsOf(pid) - before.server) / count),
      perSecond: Math.round(count / answer.seconds),
      p50Ms: round(answer.p50_ms),
      p99Ms: round(answer.p99_ms),
      databaseCpuMs: postgres ? round((cpuMsOfTree(postgres.pid) - before.database) / count) : undefined,
    })
  }
  return measured
}

interface LoadAnswer {
  readonly statuses: Readonly<Record<string, number>>
  readonly seconds: number
  readonly p50_ms: number
  readonly p99_ms: number
  readonly failure: string
}

async function load(
  port: number,
  connections: number,
  first: number,
  count: number,
  bodies: string,
): Promise<LoadAnswer> {
  const args = [join(here, 'load.ts'), ...[port, connections, first, count].map(String), bodies]
  const { stdout } = await execute(process.execPath, args)
  const answer = JSON.parse(stdout) as LoadAnswer
  // A figure over refused exchanges would be a figure for something else.
  if (answer.failure || answer.statuses['200'] !== count) throw new Error(`the load failed: ${stdout}`)
  return answer
}

const round = (value: number) => Math.round(value * 1000) / 1000

function toResult(
  limit: readonly Measured[],
  results: readonly { engine: 'postgres' | 'embedded'; measured: readonly Measured[]; rss: number }[],
): BenchResult {
  const bareCpu = (connections: number) => limit.find((row) => row.connections === connections)?.cpuMs ?? Number.NaN
  const row = (engine: string, measured: Measured) => ({
    engine,
    connections: measured.connections,
    'cpu ms': measured.cpuMs,
    'of bare': round(measured.cpuMs / bareCpu(measured.connections)),
    'per s': measured.perSecond,
    'p50 ms': measured.p50Ms,
    'p99 ms': measured.p99Ms,
    'database cpu ms': measured.databaseCpuMs ?? '',
  })
  const bars = results.flatMap(({ engine, measured, rss }): Bar[] => [
    ...measured
      .filter(({ connections }) => connections !== 1)
      .flatMap(({ connections, cpuMs }): Bar[] => [
        { name: `exchange.${engine}.cpu_ms.${connections}`, value: cpuMs, unit: 'ms', limit: LIMITS[engine].cpuMs },
        {
          name: `exchange.${engine}.ratio.${connections}`,
          value: round(cpuMs / bareCpu(connections)),
          unit: 'x',
          limit: LIMITS[engine].ratio,
        },
      ]),
    { name: `exchange.${engine}.rss_mb`, value: rss, unit: 'MiB', limit: 260 },
  ])
  return {
    rows: [
      ...limit.map((measured) => row('bare limit', measured)),
      ...results.flatMap(({ engine, measured }) => measured.map((one) => row(engine, one))),
    ],
    bars,
    notes: [
      'server CPU is the whole process, sealing and confirmations included; the database process is reported apart',
    ],
  }
}
