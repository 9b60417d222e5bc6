import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cliFault } from './faults.ts'
import type { CliContext } from './types.ts'

/** A token for a command, and those that come after it. */
export interface TokenFeed {
  readonly first: string
  /** Has each later token written; the result ends that. */
  subscribe(write: (rawToken: string) => void): () => void
  /** A token that could not be written, for whoever runs the command. */
  onWriteFailed(code: string): void
}

/**
 * Runs a command with the token in a 0600 file of its own 0700 directory, whose path it finds in COUNTERSIGN_TOKEN_FILE. Later tokens
 * replace the file in one step, so that a reader finds the old token or the new one, whole. With `variable` the first token is also in the
 * environment, where child processes inherit it and nothing can renew it. All of it is gone when the command has ended.
 * Resolves to the command's exit code, 128 + N after signal N.
 * @throws CliFault command_not_started
 */
export async function runWithToken(
  command: readonly string[],
  feed: TokenFeed,
  variable: string | undefined,
  context: CliContext,
): Promise<number> {
  // The runtime directory is memory and ends with the session; where there is none, the temporary one.
  const runtime = context.env['XDG_RUNTIME_DIR']
  const directory = await mkdtemp(join(runtime && existsSync(runtime) ? runtime : tmpdir(), 'countersign-'))
  let written: Promise<void> = Promise.resolve()
  let unsubscribe = (): void => undefined
  try {
    const path = join(directory, 'token')
    await writeFile(path, feed.first, { mode: 0o600, flag: 'wx' })
    unsubscribe = feed.subscribe((rawToken) => {
      written = written
        .then(() => replaceFile(path, rawToken))
        .catch((error: unknown) =>
          feed.onWriteFailed(error instanceof Error && 'code' in error ? String(error.code) : 'unknown'),
        )
    })
    return await runCommand(
      command,
      {
        ...context.env,
        COUNTERSIGN_TOKEN_FILE: path,
        ...(variable === undefined ? {} : { [variable]: feed.first }),
      },
      context,
    )
  } finally {
    unsubscribe()
    await written
    await rm(directory, { recursive: true, force: true })
  }
}

async function replaceFile(path: string, rawToken: string): Promise<void> {
  const next = `${path}.next`
  await rm(next, { force: true })
  await writeFile(next, rawToken, { mode: 0o600, flag: 'wx' })
  await rename(next, path)
}

function runCommand(
  [file = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  context: CliContext,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, cwd: context.cwd, stdio: 'inherit' })
    const forward = (): void => void child.kill(context.signal.reason === 'SIGTERM' ? 'SIGTERM' : 'SIGINT')
    context.signal.addEventListener('abort', forward, { once: true })
    if (context.signal.aborted) forward()
    child.on('error', (error: Error & { code?: string }) => {
      context.signal.removeEventListener('abort', forward)
      reject(cliFault('command_not_started', `${file}: ${error.code ?? 'unknown'}`))
    })
    child.on('exit', (code, signal) => {
      context.signal.removeEventListener('abort', forward)
      resolve(code ?? 128 + (signal === null ? 0 : (constants.signals[signal] ?? 0)))
    })
  })
}
