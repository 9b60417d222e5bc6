import { spawn } from 'node:child_process'
import { extname, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL(`../cli/main${extname(import.meta.url)}`, import.meta.url))
const TIME_LIMIT_MS = 30_000

/** A `countersign` command of the transcript, run as its reader would run it. */
export interface CommandInput {
  /** Arguments after `countersign`, or after `node`. */
  readonly args: readonly string[]
  readonly program?: 'countersign' | 'node'
  /** Variables of the job that runs it, and nothing else of ours: the command finds its proof as on the real platform. */
  readonly env?: Readonly<Record<string, string>>
  readonly directory: string
  readonly signal: AbortSignal
}

/** What the command printed and how it ended. */
export interface CommandResult {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the real command line, or a script of the stage, in a process of its own; at most 30 s. */
export function runCommand({
  args,
  program = 'countersign',
  env = {},
  directory,
  signal,
}: CommandInput): Promise<CommandResult> {
  const { PATH = '', HOME = '' } = process.env
  return new Promise((finish, reject) => {
    const child = spawn(process.execPath, program === 'node' ? args : [...process.execArgv, CLI, ...args], {
      cwd: resolve(directory, '..'),
      // The variables of a real job on the machine that runs the quickstart must not be taken for those of the demo's jobs.
      env: { PATH, HOME, NO_COLOR: '1', COUNTERSIGN_NO_INPUT: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      timeout: TIME_LIMIT_MS,
    })
    const read = (stream: NodeJS.ReadableStream) => {
      let text = ''
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        text += chunk
      })
      return () => text
    }
    const [stdout, stderr] = [read(child.stdout), read(child.stderr)]
    child.once('error', reject)
    child.once('close', (code) => finish({ exit: code ?? 130, stdout: stdout(), stderr: stderr() }))
  })
}
