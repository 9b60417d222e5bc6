import { Readable } from 'node:stream'
import { LOADERS } from '../loaders.ts'
import type { Modules } from '../modules.ts'
import { runCli } from '../run.ts'

/** What came of a command line. */
export interface LineResult {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/** How a line is run. Without anything: no terminal, an empty environment, an empty stdin. */
export interface LineOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly stdin?: string
  /** Columns of a terminal at stdout, stderr and stdin. */
  readonly terminal?: number
  readonly signal?: AbortSignal
  readonly modules?: Partial<Modules>
  readonly now?: () => Date
  /** Sees what is printed to stderr while the line runs. */
  readonly onStderr?: (text: string) => void
}

/** Runs a command line in this process, as `main.ts` does, and keeps what it printed. */
export async function runLine(argv: readonly string[], options: LineOptions = {}): Promise<LineResult> {
  const stdout = sink(options.terminal)
  const stderr = sink(options.terminal, options.onStderr)
  const stdin = Object.assign(Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]), {
    isTTY: options.terminal !== undefined,
  })
  const exit = await runCli(argv, {
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    stdin,
    stdout,
    stderr,
    now: options.now ?? (() => new Date()),
    signal: options.signal ?? new AbortController().signal,
    modules: { ...LOADERS, ...options.modules },
  })
  return { exit, stdout: stdout.text(), stderr: stderr.text() }
}

function sink(columns: number | undefined, onWrite?: (text: string) => void) {
  let written = ''
  return {
    isTTY: columns !== undefined,
    columns,
    write(text: string) {
      written += text
      onWrite?.(text)
      return true
    },
    text: () => written,
  }
}
