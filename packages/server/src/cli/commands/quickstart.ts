import { resolve } from 'node:path'
import type { CommandRun } from '../types.ts'

/** The guided first run, which writes its own text; `--check` leaves only the exit code. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const { runQuickstart } = await context.modules.quickstart()
  const exit = await runQuickstart({
    output: settings.output === 'table' ? 'text' : 'json',
    keep: invocation.flag('keep'),
    check: invocation.flag('check'),
    directory: resolve(context.cwd, invocation.option('directory') ?? '.quickstart'),
    stdout: context.stdout,
    stderr: context.stderr,
    signal: context.signal,
  })
  return { exit, streamed: true }
}
