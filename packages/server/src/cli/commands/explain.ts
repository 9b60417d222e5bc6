import { createApiClient } from '../client.ts'
import { renderExplanation } from '../render-explanation.ts'
import type { CommandRun } from '../types.ts'

/** Why an exchange came out as it did (design section 5); the JSON is the API's document unchanged. */
export const run: CommandRun = async ({ arguments: [id = ''], settings, context }) => {
  const client = await createApiClient(settings, context)
  const path = `/v1/events/${encodeURIComponent(id)}/explanation`
  const { body } = await client.json({ method: 'GET', path })
  return { exit: 0, document: body, text: (layout) => renderExplanation(body, layout) }
}
