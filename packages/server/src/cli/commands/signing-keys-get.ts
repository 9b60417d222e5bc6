import { createApiClient } from '../client.ts'
import { renderFields } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { isObject, show } from '../wire.ts'

/** One signing key with the times of its states. */
export const run: CommandRun = async ({ settings, context, arguments: [kid = ''] }) => {
  const client = await createApiClient(settings, context)
  const { body } = await client.json({ method: 'GET', path: `/v1/signing-keys/${encodeURIComponent(kid)}` })
  const fields = Object.entries(isObject(body) ? body : {}).filter(([, value]) => value !== null)
  return {
    exit: 0,
    document: body,
    text: (layout) =>
      renderFields(
        fields.map(([name, value]) => [name.replace(/_at$/, ''), show(value)] as const),
        layout,
      ).join('\n'),
  }
}
