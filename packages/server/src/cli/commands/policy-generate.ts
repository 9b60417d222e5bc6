import { createApiClient } from '../client.ts'
import { cliFault } from '../faults.ts'
import { toYaml } from '../output.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { list, member, show } from '../wire.ts'

/** The policy that would admit exactly the workload of an event, as a file under its notes. Nothing is stored. */
export const run: CommandRun = async (invocation) => {
  const event = invocation.option('from')
  if (event === undefined) {
    throw cliFault('usage', 'generate needs --from EVENT_ID', { fix: 'take the id that the refused caller was given' })
  }
  const client = await createApiClient(invocation.settings, invocation.context)
  const { body } = await client.json({
    method: 'POST',
    path: '/v1/trust-policies/generate',
    repeatable: true,
    body: { event_id: event },
  })
  const yaml = await toYaml(member(body, 'document') ?? null)
  const notes = list(member(body, 'notes')).map((note) => `# ${printable(show(note))}\n`)
  return { exit: 0, document: body, text: () => `${notes.join('')}${yaml}` }
}
