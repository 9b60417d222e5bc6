import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cliFault } from './faults.ts'
import type { CliContext } from './types.ts'

/**
 * Runs a command with the token in a 0600 file of its own 0700 directory, whose path it finds in COUNTERSIGN_TOKEN_FILE; with
 * `variable` also in the environment, where child processes inherit it. Both are gone when the command has ended.
 * Resolves to the command's exit code, 128 + N after signal N.
 * @throws CliFault command_not_started
 */
export async function runWithToken(
  command: readonly string[],
  rawToken: string,
  variable: string | undefined,
  context: CliContext,
): Promise<number> {
  // The runtime directory is memory and ends with the session; where there is none, the temporary one.
  const runtime = context.env['XDG_RUNTIME_DIR']
  const directory = await mkdtemp(join(runtime && existsSync(runtime) ? runtime : tmpdir(), 'countersign-'))
  try {
    const path = join(directory, 'token')
    await writeFile(path, rawToken, { mode: 0o600, flag: 'wx' })
    return await runCommand(
      command,
      {
        ...context.env,
        COUNTERSIGN_TOKEN_FILE: path,
        ...(variable === undefined ? {} : { [variable]: rawToken }),
      },
      context,
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
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
