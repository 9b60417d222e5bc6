// Start to ready of the built server, `--help`, each against a bare node start, as whole processes in turn.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { installPublished } from './published.ts'
import type { BenchResult } from './report.ts'

const ROUNDS = 9

/** Median wall times of three kinds of start, interleaved so that a slow moment of the machine meets all of them. */
export async function run(): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-start-'))
  const cli = installPublished(directory)
  const times: Record<'bare' | 'help' | 'ready', number[]> = { bare: [], help: [], ready: [] }
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      const measured = {
        bare: timeOf(['-e', '0']),
        help: timeOf([cli, '--help']),
        ready: await timeToReady(cli, join(directory, 'data')),
      }
      // The first round warms the file cache and makes the database; a start in production finds both.
      if (round > 0) for (const name of ['bare', 'help', 'ready'] as const) times[name].push(measured[name])
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  const [bare, help, ready] = [median(times.bare), median(times.help), median(times.ready)]
  return {
    rows: [
      { what: 'bare node', 'median ms': round(bare), 'of bare': 1 },
      { what: 'countersign --help', 'median ms': round(help), 'of bare': round(help / bare) },
      { what: 'countersign serve, to ready', 'median ms': round(ready), 'of bare': round(ready / bare) },
    ],
    bars: [
      { name: 'cli.help.ratio', value: round(help / bare), unit: 'x', limit: 3.2 },
      { name: 'start.ratio', value: round(ready / bare), unit: 'x', limit: 13 },
    ],
    notes: [`median of ${ROUNDS} starts each, embedded store, existing data directory`],
  }
}

function timeOf(args: readonly string[]): number {
  const startedAt = performance.now()
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`)
  return performance.now() - startedAt
}

async function timeToReady(cli: string, dataDirectory: string): Promise<number> {
  const env = {
    ...process.env,
    COUNTERSIGN_ISSUER: 'http://127.0.0.1:18790',
    COUNTERSIGN_LISTEN__PORT: '18790',
    COUNTERSIGN_DATA_DIRECTORY: dataDirectory,
    COUNTERSIGN_LOG__LEVEL: 'silent',
  }
  const startedAt = performance.now()
  const child = spawn(process.execPath, [cli, 'serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  // `serve` prints its ready line when it accepts requests.
  await once(child.stdout, 'data')
  const elapsed = performance.now() - startedAt
  child.kill('SIGTERM')
  await once(child, 'exit')
  return elapsed
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

const round = (value: number) => Math.round(value * 100) / 100
