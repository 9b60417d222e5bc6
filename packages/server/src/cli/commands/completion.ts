import { COMMANDS } from '../commands.ts'
import { renderCompletion } from '../completion.ts'
import type { CommandRun } from '../types.ts'

/** The completion script of a shell, generated from the command table. */
export const run: CommandRun = async ({ arguments: [shell], context }) => {
  const known = (['bash', 'zsh', 'fish'] as const).find((name) => name === shell)
  context.stdout.write(renderCompletion(known ?? 'bash', COMMANDS))
  return { exit: 0, streamed: true }
}
