import type { Now } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { exportLines } from './export.ts'
import { findEvent, findEventBelow, findLag, findNewestCheckpoint, insertEvent, listEvents } from './store.ts'
import type { EventLog, RecordedEvent } from './types.ts'

/** What the event log needs. */
export interface EventLogDependencies {
  readonly database: Database<Tables>
  readonly now: Now
  /** Called when an event has been written in this process (not yet committed); the sealer's `wake`. */
  readonly onAppend?: () => void
  /** How many events a filtered list looks at in one query, and in how many queries at most. Default 5,000 and 100. */
  readonly scan?: { readonly window: number; readonly windows: number }
}

const MAX_PAGE = 1000
// On the embedded engine a query holds the whole process, about a millisecond for a thousand events that do not match.
const SCAN = { window: 5_000, windows: 100 }

/**
 * The event log over a database. Appending belongs to the caller's transaction: no action without its event, and an
 * event that cannot be written fails the action. Reading refuses rows that were changed behind its back (audit_invalid).
 */
export function createEventLog({ database, now, onAppend, scan = SCAN }: EventLogDependencies): EventLog {
  return {
    async append(tx, event) {
      await insertEvent(tx, event)
      onAppend?.()
    },
    get: (id) => findEvent(database.read, id),
    async list(input) {
      const limit = Math.min(Math.max(1, Math.trunc(input.limit) || 1), MAX_PAGE)
      const isFiltered = input.kind !== undefined || input.outcome !== undefined || input.workloadId !== undefined
      const found: RecordedEvent[] = []
      let after = input.after
      for (let queries = 0; queries < scan.windows; queries += 1) {
        // Filters have no index: whoever asks for what is rare would read the whole log in one go.
        const from = isFiltered ? await findEventBelow(database.read, { after, count: scan.window }) : undefined
        const window = { ...(after === undefined ? {} : { after }), ...(from === undefined ? {} : { from }) }
        found.push(...(await listEvents(database.read, { ...input, ...window, limit: limit + 1 - found.length })))
        if (found.length > limit) return { items: found.slice(0, limit), next: found[limit - 1]?.id ?? null }
        if (from === undefined) return { items: found, next: null }
        after = from
        // Others come in between.
        await new Promise((resolve) => setImmediate(resolve))
      }
      return { items: found, next: after ?? null }
    },
    checkpoint: () => findNewestCheckpoint(database.read),
    export: () => exportLines(database.read),
    async lag() {
      const { pending, oldestAt } = await findLag(database.read)
      return { pending, oldestAgeMs: oldestAt === undefined ? 0 : Math.max(0, now().getTime() - oldestAt.getTime()) }
    },
  }
}
