import { createApiClient } from '../client.ts'
import { type Cell, renderFields } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { isObject, member, show } from '../wire.ts'

/** One event as it was recorded. */
export const run: CommandRun = async ({ arguments: [id = ''], settings, context }) => {
  const client = await createApiClient(settings, context)
  const { body } = await client.json({ method: 'GET', path: `/v1/events/${encodeURIComponent(id)}` })
  const data = member(body, 'data')
  const plain = isObject(body) ? Object.entries(body).filter(([name]) => name !== 'data' && name !== 'body') : []
  const fields: [string, Cell][] = [...plain, ...(isObject(data) ? Object.entries(data) : [])].map(([name, value]) => [
    name,
    show(value),
  ])
  return { exit: 0, document: body, text: (layout) => renderFields(fields, layout).join('\n') }
}
