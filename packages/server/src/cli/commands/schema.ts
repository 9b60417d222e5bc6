import { createApiClient } from '../client.ts'
import { printableJson } from '../terminal/printable.ts'
import type { CommandRun } from '../types.ts'

/** The JSON Schema of a kind; JSON also for people, since editors read it. */
export const run: CommandRun = async ({ arguments: [kind = ''], settings, context }) => {
  const client = await createApiClient(settings, context)
  const { body } = await client.json({ method: 'GET', path: `/v1/schemas/${encodeURIComponent(kind)}` })
  return { exit: 0, document: body, text: () => printableJson(JSON.stringify(body, undefined, 2)) }
}
