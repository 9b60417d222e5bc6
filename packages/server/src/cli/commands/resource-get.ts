import { createApiClient } from '../client.ts'
import { resourcePath } from '../nouns.ts'
import { toYaml } from '../output.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { member, show } from '../wire.ts'

/** One resource: for people its document as `apply` takes it, under a comment with its state; for programs the API's form. */
export const run: CommandRun = async (invocation) => {
  const client = await createApiClient(invocation.settings, invocation.context)
  const { body } = await client.json({ method: 'GET', path: resourcePath(invocation) })
  const document = await toYaml(member(body, 'document') ?? null)
  const state = [
    show(member(body, 'id')),
    `revision ${show(member(body, 'revision'))}`,
    member(body, 'enabled') === false ? 'disabled' : 'enabled',
    `updated ${show(member(body, 'updated_at'))}`,
  ]
  return { exit: 0, document: body, text: () => `# ${printable(state.join('   '))}\n${document}` }
}
