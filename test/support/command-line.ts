/**
 * The real command line in processes of its own, from the sources. What is started here is ended here: a child that outlives
 * its test is killed with the test process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'

const CLI = join(import.meta.dirname, '../../packages/server/src/cli/main.ts')
const TIME_LIMIT_MS = 120_000

/** How a command ended, and all that it printed. */
export interface CommandEnd {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that is running. `stdout` and `stderr` return what it has printed so far. */
export interface RunningCommand {
  readonly child: ChildProcess
  readonly ended: Promise<CommandEnd>
  stdout(): string
  stderr(): string
}

/** Where and with what a command runs. No variable of the test's own environment reaches it but PATH. */
export interface CommandPlace {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** Runs as this user (for root only). */
  readonly uid?: number
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts `countersign ARGS`. */
export function startCommand(args: readonly string[], { cwd, env = {}, stdin, uid }: CommandPlace): RunningCommand {
  const child = spawn(process.execPath, ['--conditions=source', CLI, ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', COUNTERSIGN_NO_INPUT: '1', ...env },
    ...(uid === undefined ? {} : { uid, gid: uid }),
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  running.add(child)
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      printed[name] += chunk
    })
  }
  child.stdin?.end(stdin)
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit) => {
      running.delete(child)
      resolve({ exit, ...printed })
    })
  })
  return { child, ended, stdout: () => printed.stdout, stderr: () => printed.stderr }
}

/** Runs `countersign ARGS` to its end, for at most two minutes. */
export async function runCommand(args: readonly string[], place: CommandPlace): Promise<CommandEnd> {
  const { child, ended } = startCommand(args, place)
  const limit = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT_MS)
  try {
    return await ended
  } finally {
    clearTimeout(limit)
  }
}
