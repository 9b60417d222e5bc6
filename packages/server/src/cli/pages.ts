import type { JsonValue } from '../lib/index.ts'
import type { ApiClient } from './client.ts'
import type { Settings } from './settings.ts'
import { list, member, text } from './wire.ts'

const PAGE = 200
const DEFAULT_LIMIT = 50

/** Items of a list, page by page: up to `--limit`, or all with `--all`. `next` is where more begins. */
export async function readPages(
  client: ApiClient,
  path: string,
  settings: Settings,
): Promise<{ items: readonly JsonValue[]; next: string | null }> {
  const limit = settings.limit ?? (settings.all ? Number.POSITIVE_INFINITY : DEFAULT_LIMIT)
  const items: JsonValue[] = []
  let after: string | undefined
  for (;;) {
    const { body } = await client.json({
      method: 'GET',
      path,
      query: { ...settings.filters, after, limit: Math.min(PAGE, limit - items.length) },
    })
    items.push(...list(member(body, 'items')))
    const next = text(member(body, 'next'))
    // A server that repeats a cursor must not keep us for ever.
    if (next === undefined || next === after || items.length >= limit) {
      return { items: items.slice(0, limit), next: next === after ? null : (next ?? null) }
    }
    after = next
  }
}
