import { createApiClient } from '../client.ts'
import { confirm } from '../confirm.ts'
import { readTag, resourcePath } from '../nouns.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'

/** Deletes the resource in the state that was read before the confirmation; a change in between is a conflict. */
export const run: CommandRun = async (invocation) => {
  const {
    arguments: [name = ''],
    settings,
    context,
    command,
  } = invocation
  const client = await createApiClient(settings, context)
  const path = resourcePath(invocation)
  const headers = await readTag(client, path)
  await confirm(`delete ${name} of ${command.path[0]}? What was issued under it ends.`, invocation)
  await client.json({ method: 'DELETE', path, headers })
  return {
    exit: 0,
    document: { id: name, deleted: true },
    text: () => printable(`deleted ${name}; \`countersign ${command.path[0]} restore ${name}\` undoes it for 7 days`),
  }
}
