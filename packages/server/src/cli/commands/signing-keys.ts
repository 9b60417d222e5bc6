import { createApiClient } from '../client.ts'
import { readPages } from '../pages.ts'
import type { Column, CommandRun } from '../types.ts'
import { member, show } from '../wire.ts'

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
  const page = await readPages(client, '/v1/signing-keys', settings)
  // A key's id is its kid (RFC 7638 thumbprint): `-o id` prints that.
  const items = page.items.map((item) => ({ id: member(item, 'kid') ?? null, ...(item as object) }))
  return { exit: 0, list: { items, next: page.next }, columns: COLUMNS }
}
