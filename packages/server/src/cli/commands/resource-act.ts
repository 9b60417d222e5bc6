import { createApiClient } from '../client.ts'
import { resourcePath } from '../nouns.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { member, show } from '../wire.ts'

/** Enables, disables or restores a resource: the verb is the API's sub-resource. */
export const run: CommandRun = async (invocation) => {
  const [, verb = ''] = invocation.command.path
  const client = await createApiClient(invocation.settings, invocation.context)
  const { body } = await client.json({ method: 'POST', path: `${resourcePath(invocation)}/${verb}` })
  const name = show(member(body, 'name'))
  const line = `${verb}d ${name}  revision ${show(member(body, 'revision'))}`
  return { exit: 0, document: body, text: () => printable(line) }
}
