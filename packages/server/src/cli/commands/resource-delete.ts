import { createApiClient } from '../client.ts'
import { confirm } from '../confirm.ts'
import { resourcePath } from '../nouns.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { member, text } from '../wire.ts'

/**
 * Deletes the resource in the state that was read before the confirmation; a change in between is a conflict. Names the id,
 * since the name is free for another from now on: only the id restores it.
 */
export const run: CommandRun = async (invocation) => {
  const { settings, context, command } = invocation
  const [noun] = command.path
  const [given = ''] = invocation.arguments
  const client = await createApiClient(settings, context)
  const path = resourcePath(invocation)
  const { body, headers } = await client.json({ method: 'GET', path })
  const id = text(member(body, 'id')) ?? given
  await confirm(`delete ${given} of ${noun}? What was issued under it ends.`, invocation)
  const tag = typeof headers.etag === 'string' ? { 'if-match': headers.etag } : {}
  await client.json({ method: 'DELETE', path, headers: tag })
  return {
    exit: 0,
    document: { id, name: text(member(body, 'name')) ?? given, deleted: true },
    text: () => printable(`deleted ${given}; \`countersign ${noun} restore ${id}\` undoes it for 7 days`),
  }
}
