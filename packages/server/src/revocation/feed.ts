import type { RevocationsTable, Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { selectDroppedUpTo, selectRevocationsAt, selectRevocationsBetween } from './store.ts'
import type { FeedPage, RevocationEntry } from './types.ts'

/** How many entries a page holds unless its reader asks for fewer. */
export const FEED_PAGE_ENTRIES = 500

/** Which part of the feed. */
export interface FeedRequest {
  readonly after: number
  /** At most this many entries, unless one revision alone has more: a revision is never split. Default 500. */
  readonly limit?: number
  /** A revision that the caller knows to be committed: an answer that was begun before it is not shared. */
  readonly atLeast?: number
}

/** The feed of revocations, read from the database: what this process has applied plays no part in it. */
export interface Feed {
  /**
   * The entries after a revision. Callers that ask for the same part at the same time share one answer. An `after` beyond the head
   * (another history) gets no entries and the head as `through`.
   */
  page(request: FeedRequest): Promise<FeedPage>
}

/** Creates the feed over a database. */
export function createFeed({ database }: { readonly database: Pick<Database<Tables>, 'read' | 'revisions'> }): Feed {
  const reading = new Map<string, Promise<FeedPage>>()

  async function read(after: number, limit: number): Promise<FeedPage> {
    // The head first. Revisions commit in order, each with its rows: what is committed later lies beyond this head and is not claimed.
    const head = await database.revisions.newest()
    const rows = head > after ? await selectRevocationsBetween(database.read, { after, through: head, limit }) : []
    const { rows: whole, through } = await wholeRevisions(rows, head, limit)
    // After the rows: what was deleted while they were read is below this.
    const expiredUpTo = new Date(await selectDroppedUpTo(database.read))
    const tag = await database.revisions.tagOf(through)
    if (tag === undefined) throw new TypeError(`revision ${through} was read as the head and is gone`)
    return { after, through, tag, head, expiredUpTo, entries: whole.map(toEntry), more: through < head }
  }

  /** Cuts rows that were limited so that the last revision among them is whole. */
  async function wholeRevisions(rows: readonly RevocationsTable[], head: number, limit: number) {
    const last = rows[limit]?.revision
    if (last === undefined) return { rows, through: head }
    const before = rows.filter((row) => row.revision < last)
    if (before.length > 0) return { rows: before, through: last - 1 }
    return { rows: await selectRevocationsAt(database.read, last), through: last }
  }

  return {
    async page({ after, limit = FEED_PAGE_ENTRIES, atLeast = 0 }) {
      const key = `${after} ${limit}`
      const shared = await reading.get(key)
      if (shared && shared.head >= atLeast) return shared
      // One that is under way by now has begun after this call.
      const running = reading.get(key) ?? read(after, limit).finally(() => reading.delete(key))
      reading.set(key, running)
      return running
    },
  }
}

function toEntry(row: RevocationsTable): RevocationEntry {
  return {
    revision: row.revision,
    kind: row.kind,
    value: row.value,
    upToRevision: row.up_to_revision ?? undefined,
    issuedBefore: row.issued_before === null ? undefined : new Date(row.issued_before),
    at: new Date(row.at),
    expiresAt: new Date(row.expires_at),
  }
}
