import { createApiClient } from '../client.ts'
import { toYaml } from '../output.ts'
import type { CommandRun } from '../types.ts'
import { list, member } from '../wire.ts'

/** Every resource as `apply` takes it: YAML documents by default, one JSON document or JSON lines on request. */
export const run: CommandRun = async ({ settings, context }) => {
  const client = await createApiClient(settings, context)
  const { body } = await client.json({ method: 'GET', path: '/v1/export' })
  const documents = list(member(body, 'documents'))
  if (settings.output === 'json') return { exit: 0, document: body, text: () => '' }
  if (settings.output === 'jsonl') return { exit: 0, list: { items: documents, next: null }, columns: [] }
  const texts = await Promise.all(documents.map((document) => toYaml(document)))
  context.stdout.write(texts.join('---\n'))
  return { exit: 0, streamed: true }
}
