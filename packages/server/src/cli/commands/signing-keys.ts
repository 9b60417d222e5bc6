import { createApiClient } from '../client.ts'
import type { Column, CommandRun } from '../types.ts'
import { list, member, show } from '../wire.ts'

const column = (name: string, from = name, wide = false): Column => ({
  name,
  ...(wide ? { wide: true as const } : {}),
  read: (item) => show(member(item, from)),
})

const COLUMNS: readonly Column[] = [
  column('kid'),
  column('purpose'),
  column('alg'),
  column('state'),
  column('active', 'active_at'),
  column('created', 'created_at', true),
  column('published', 'published_at', true),
  column('retired', 'retired_at', true),
  column('removed', 'removed_at', true),
  column('destroyed', 'destroyed_at', true),
]

/** The signing keys and their states; private halves never leave the server. */
export const run: CommandRun = async ({ settings, context }) => {
  const client = await createApiClient(settings, context)
  const { body } = await client.json({ method: 'GET', path: '/v1/signing-keys' })
  // A key's id is its kid (RFC 7638 thumbprint): `-o id` prints that.
  const items = list(member(body, 'items')).map((item) => ({ id: member(item, 'kid') ?? null, ...(item as object) }))
  return { exit: 0, list: { items: items.slice(0, settings.limit), next: null }, columns: COLUMNS }
}
