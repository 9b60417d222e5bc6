import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonValue } from '../../lib/index.ts'
import { parseDurationMs } from '../../lib/index.ts'
import { createApiClient } from '../client.ts'
import { EVENT_COLUMNS } from '../event-columns.ts'
import { cliFault } from '../faults.ts'
import { createLayout, pad, printable, printableJson } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'
import { list, member, text } from '../wire.ts'

const PAGE = 200
const MAX_PAGES = 50
const WIDTHS = [24, 22, 8, 14]

/** Follows the events until interrupted; starts with the newest ten. Events that came between two looks are all shown. */
export const run: CommandRun = async (invocation) => {
  const { settings, context } = invocation
  const intervalMs = parseDurationMs(invocation.option('interval') ?? '1s')
  if (intervalMs === undefined || intervalMs < 100) {
    throw cliFault('usage', '--interval needs a duration of at least 100ms', { fix: 'write --interval 2s' })
  }
  const client = await createApiClient(settings, context)
  const layout = createLayout(context.stdout, { colour: settings.colour, wide: settings.output === 'wide' })
  const columns = EVENT_COLUMNS.filter((column) => !column.wide || settings.output === 'wide')
  let seen: ReadonlySet<string> | undefined
  let left = settings.limit ?? Number.POSITIVE_INFINITY

  while (left > 0 && !context.signal.aborted) {
    const fresh: JsonValue[] = []
    const known = seen
    let after: string | undefined
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const limit = known === undefined ? 10 : PAGE
      const { body } = await client.json({
        method: 'GET',
        path: '/v1/events',
        query: { ...settings.filters, after, limit },
      })
      const items = list(member(body, 'items'))
      const unknown = items.filter((item) => !known?.has(text(member(item, 'id')) ?? ''))
      fresh.push(...unknown)
      after = text(member(body, 'next'))
      // A page without anything new ends the look, also one that a filter left empty: what is new comes first.
      if (known === undefined || unknown.length === 0 || unknown.length < items.length || after === undefined) break
    }
    for (const event of fresh.reverse().slice(0, left)) {
      const cells = columns.map((column, index) => pad(printable(column.read(event)), WIDTHS[index] ?? 0))
      const line = settings.output === 'jsonl' ? printableJson(JSON.stringify(event)) : cells.join('  ').trimEnd()
      const denied = text(member(event, 'outcome')) === 'denied' && settings.output !== 'jsonl'
      context.stdout.write(`${denied ? layout.paint('caution', line) : line}\n`)
    }
    left -= fresh.length
    // Commits arrive out of order: what was seen is remembered by id, not by a position.
    const ids = fresh.flatMap((event) => text(member(event, 'id')) ?? [])
    seen = new Set([...(seen ?? []), ...ids].slice(-20_000))
    await sleep(intervalMs, undefined, { signal: context.signal }).catch(() => undefined)
  }
  return { exit: 0, streamed: true }
}
