import { cliFault } from './faults.ts'
import { printable } from './terminal/printable.ts'
import type { Invocation } from './types.ts'

/**
 * Goes on only with a person's consent: `--yes`, or `y` at a prompt. Asks only where stdin and stderr are terminals and neither
 * `--no-input` nor CI forbids it.
 * @throws CliFault confirmation_needed
 */
export async function confirm(question: string, invocation: Invocation): Promise<void> {
  const { settings, context } = invocation
  if (settings.yes) return
  if (!settings.mayAsk || !context.stdin.isTTY || context.stderr.isTTY !== true) {
    throw cliFault('confirmation_needed', question)
  }
  context.stderr.write(`${printable(question)} [y/N] `)
  for await (const chunk of context.stdin) {
    if (/^y(es)?$/i.test(chunk.toString().trim())) return
    break
  }
  throw cliFault('confirmation_needed', 'not confirmed', { fix: 'answer y, or add --yes' })
}
