import type { Now } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { exportLines } from './export.ts'
import { findEvent, findLag, findNewestCheckpoint, insertEvent, listEvents } from './store.ts'
import type { EventLog } from './types.ts'

/** What the event log needs. */
export interface EventLogDependencies {
  readonly database: Database<Tables>
  readonly now: Now
  /** Called when an event has been written in this process (not yet committed); the sealer's `wake`. */
  readonly onAppend?: () => void
}

const MAX_PAGE = 1000

/**
 * The event log over a database. Appending belongs to the caller's transaction: no action without its event, and an
 * event that cannot be written fails the action. Reading refuses rows that were changed behind its back (audit_invalid).
 */
export function createEventLog({ database, now, onAppend }: EventLogDependencies): EventLog {
  return {
    async append(tx, event) {
      await insertEvent(tx, event)
      onAppend?.()
    },
    get: (id) => findEvent(database.read, id),
    async list(input) {
      const limit = Math.min(Math.max(1, Math.trunc(input.limit) || 1), MAX_PAGE)
      const found = await listEvents(database.read, { ...input, limit: limit + 1 })
      const items = found.slice(0, limit)
      return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null }
    },
    checkpoint: () => findNewestCheckpoint(database.read),
    export: () => exportLines(database.read),
    async lag() {
      const { pending, oldestAt } = await findLag(database.read)
      return { pending, oldestAgeMs: oldestAt === undefined ? 0 : Math.max(0, now().getTime() - oldestAt.getTime()) }
    },
  }
}
