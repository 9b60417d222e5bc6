import type { JsonValue } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { pluralsOf } from '../nouns.ts'
import { readPages } from '../pages.ts'
import type { Column, CommandRun } from '../types.ts'
import { list, member, show } from '../wire.ts'

const inMetadata = (name: string) => (item: JsonValue) =>
  show(member(member(member(item, 'document'), 'metadata'), name))

const COLUMNS: readonly Column[] = [
  { name: 'name', read: (item) => show(member(item, 'name')) },
  { name: 'kind', wide: true, read: (item) => show(member(item, 'kind')) },
  { name: 'owner', read: inMetadata('owner') },
  { name: 'environment', read: inMetadata('environment') },
  { name: 'enabled', read: (item) => (member(item, 'enabled') === false ? 'no' : 'yes') },
  { name: 'revision', read: (item) => show(member(item, 'revision')) },
  { name: 'updated', read: (item) => show(member(item, 'updated_at')) },
  { name: 'review-by', wide: true, read: inMetadata('reviewBy') },
  { name: 'purpose', wide: true, read: inMetadata('purpose') },
  { name: 'id', wide: true, read: (item) => show(member(item, 'id')) },
]

const OWNER_COLUMNS: readonly Column[] = [
  { name: 'kind', read: (item) => show(member(item, 'kind')) },
  ...COLUMNS.filter((column) => !['kind', 'owner', 'environment'].includes(column.name)),
]

const SEEN_COLUMNS: readonly Column[] = [
  { name: 'id', read: (item) => show(member(item, 'id')) },
  { name: 'subject', read: (item) => show(member(item, 'subject')) },
  { name: 'environments', read: (item) => list(member(item, 'environments')).map(show).join(' ') },
  { name: 'last-seen', read: (item) => show(member(item, 'last_seen_at')) },
  { name: 'first-seen', wide: true, read: (item) => show(member(item, 'first_seen_at')) },
  { name: 'provider', wide: true, read: (item) => show(member(item, 'provider_id')) },
]

/** The resources of a noun; `owners` is teams, then people. */
export const run: CommandRun = async ({ command, flag, settings, context }) => {
  const [noun] = command.path
  const client = await createApiClient(settings, context)
  if (flag('seen')) {
    return { exit: 0, list: await readPages(client, '/v1/seen-workloads', settings), columns: SEEN_COLUMNS }
  }
  const items: JsonValue[] = []
  let next: string | null = null
  for (const plural of pluralsOf(noun)) {
    const page = await readPages(client, `/v1/${plural}`, settings)
    items.push(...page.items)
    next ??= page.next
  }
  return {
    exit: 0,
    list: { items: items.slice(0, settings.limit), next },
    columns: noun === 'owners' ? OWNER_COLUMNS : COLUMNS,
  }
}
