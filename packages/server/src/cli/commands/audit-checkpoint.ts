import { createApiClient } from '../client.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { member, text } from '../wire.ts'

/** The newest signed checkpoint: for people and pipes the C2SP note itself, byte for byte where it is clean text. */
export const run: CommandRun = async ({ settings, context }) => {
  const client = await createApiClient(settings, context)
  const { body } = await client.json({ method: 'GET', path: '/v1/audit/checkpoint' })
  const note = text(typeof body === 'string' ? body : member(body, 'note')) ?? ''
  const document = typeof body === 'string' ? { note: body } : body
  return { exit: 0, document, text: () => note.split('\n').map(printable).join('\n') }
}
