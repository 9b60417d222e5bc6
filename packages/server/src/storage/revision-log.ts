import { createHash } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import { ServiceError } from '../errors.ts'
import type { Now } from '../lib/index.ts'
import type { Engine, StorageLogger } from './engine.ts'
import type { Revision, RevisionHead, RevisionLog, RevisionsTable, StorageTables } from './types.ts'

const PAGE = 500
const HEAD_EVERY_MS = 1000
const TAG_BYTES = 12

/** What the revision log needs of the database that it belongs to. */
export interface RevisionLogDependencies {
  readonly engine: Engine
  readonly read: Kysely<StorageTables>
  readonly now: Now
  readonly logger: StorageLogger | undefined
}

interface Subscription {
  readonly listener: (changes: readonly Revision[]) => Promise<void> | void
  /** The newest revision that the listener has taken. */
  position: number
}

function toRevision(row: RevisionsTable): Revision {
  return {
    revision: row.revision,
    at: new Date(row.at),
    kind: row.kind,
    target: row.target,
    detail: JSON.parse(row.detail),
  }
}

/** See {@link RevisionHead.tag}: over the row as it is stored, which no statement can change. */
function tagOfRow(row: RevisionsTable | undefined): RevisionHead {
  if (!row) return { revision: 0, tag: '' }
  const { revision, at, kind, target, detail } = row
  const digest = createHash('sha256')
    .update(JSON.stringify([revision, at, kind, target, detail]))
    .digest()
  return { revision, tag: digest.subarray(0, TAG_BYTES).toString('base64url') }
}

function selectNewest(db: Kysely<StorageTables>): Promise<RevisionsTable | undefined> {
  return db.selectFrom('revisions').selectAll().orderBy('revision', 'desc').limit(1).executeTakeFirst()
}

function toJson(detail: unknown): string {
  const text: string | undefined = JSON.stringify(detail)
  if (text === undefined) throw new TypeError('the detail of a revision is JSON')
  return text
}

/** The ordered log over an engine. Nothing is applied before {@link start}. */
export function createRevisionLog({ engine, read, now, logger }: RevisionLogDependencies) {
  const appended = new WeakSet<object>()
  const subscriptions = new Set<Subscription>()
  let applied = 0
  let headReadAt = Number.NEGATIVE_INFINITY
  let running: Promise<number> | undefined
  let next: Promise<number> | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  async function since(after: number, limit: number): Promise<readonly Revision[]> {
    const rows = await read
      .selectFrom('revisions')
      .selectAll()
      .where('revision', '>', after)
      .orderBy('revision')
      .limit(limit)
      .execute()
    return rows.map(toRevision)
  }

  /** Every listener takes the changes once; one that fails takes them again in the next pass, the others do not. */
  async function deliver(changes: readonly Revision[]): Promise<void> {
    let failure: { readonly error: unknown } | undefined
    for (const subscription of subscriptions) {
      const fresh = changes.filter(({ revision }) => revision > subscription.position)
      const newest = fresh.at(-1)
      if (!newest) continue
      try {
        await subscription.listener(fresh)
        subscription.position = newest.revision
      } catch (error) {
        failure ??= { error }
        logger?.error(
          { err: error, revision: fresh[0]?.revision },
          'a revision could not be applied; it is tried again',
        )
      }
    }
    if (failure) {
      throw new ServiceError('store_unavailable', {
        internal: `revision ${changes[0]?.revision} could not be applied`,
        cause: failure.error,
      })
    }
  }

  function broken(internal: string): ServiceError {
    logger?.error({ applied }, `the revision log is not continuous: ${internal}`)
    return new ServiceError('store_unavailable', { internal })
  }

  /** Reads from the last applied revision on, which must still be there, and applies the unbroken run that follows it. */
  async function pass(): Promise<number> {
    for (;;) {
      const startedAt = performance.now()
      const rows = await since(applied - 1, PAGE)
      const changes = applied === 0 ? rows : rows.slice(1)
      if (applied > 0 && rows[0]?.revision !== applied) throw broken(`revision ${applied} is gone`)
      const gapAt = changes.findIndex(({ revision }, index) => revision !== applied + 1 + index)
      const run = gapAt === -1 ? changes : changes.slice(0, gapAt)
      if (run.length > 0) {
        await deliver(run)
        applied += run.length
      }
      // A revision that is skipped could be the revocation that matters: stay here, and let the head grow old.
      if (gapAt !== -1) throw broken(`revision ${applied + 1} is missing`)
      if (rows.length === PAGE) continue
      headReadAt = startedAt
      return applied
    }
  }

  function refresh(): Promise<number> {
    if (stopped) return Promise.reject(new ServiceError('store_unavailable', { detail: 'the database is closed' }))
    if (!running) {
      running = pass().finally(() => {
        running = undefined
      })
      return running
    }
    // A pass that is under way may have read before the caller's commit: only the one after it is sure to see it.
    next ??= running
      .catch(() => 0)
      .then(() => {
        next = undefined
        return refresh()
      })
    return next
  }

  /** Applies what is new without anybody waiting for it. */
  function kick(): void {
    if (stopped) return
    refresh().catch((error: unknown) => {
      if (!stopped) logger?.warn({ err: error }, 'the head of the revision log could not be read and applied')
    })
  }

  const log: RevisionLog<StorageTables> = {
    append: async (tx: Transaction<StorageTables>, change) => {
      const detail = toJson(change.detail)
      // A sequence's order is not commit order: the lock is held until the commit, so that here the two are one.
      await engine.lockRevisions(tx)
      const { revision } = await tx
        .insertInto('revisions')
        .columns(['revision', 'at', 'kind', 'target', 'detail'])
        .expression((build) =>
          build
            .selectFrom('revisions')
            .select((of) => [
              of(of.fn.coalesce(of.fn.max('revision'), of.lit(0)), '+', of.lit(1)).as('revision'),
              of.cast<number>(of.val(now().getTime()), 'bigint').as('at'),
              of.cast<string>(of.val(change.kind), 'text').as('kind'),
              of.cast<string>(of.val(change.target), 'text').as('target'),
              of.cast<string>(of.val(detail), 'text').as('detail'),
            ]),
        )
        .returning('revision')
        .executeTakeFirstOrThrow()
      await engine.notifyRevision(tx, revision)
      appended.add(tx)
      return revision
    },
    holdHead: async (tx: Transaction<StorageTables>) => {
      await engine.shareRevisions(tx)
      return tagOfRow(await selectNewest(tx))
    },
    newest: async () => tagOfRow(await selectNewest(read)).revision,
    tagOf: async (revision) => {
      if (revision === 0) return ''
      const row = await read.selectFrom('revisions').selectAll().where('revision', '=', revision).executeTakeFirst()
      return row && tagOfRow(row).tag
    },
    head: () => ({ revision: applied, ageMs: performance.now() - headReadAt }),
    refresh,
    subscribe: (listener) => {
      const subscription: Subscription = { listener, position: applied }
      subscriptions.add(subscription)
      return () => void subscriptions.delete(subscription)
    },
    since,
  }

  function schedule(): void {
    timer = setTimeout(() => {
      kick()
      schedule()
    }, HEAD_EVERY_MS)
    timer.unref()
  }

  return {
    log,
    kick,
    /** Whether the transaction has appended: then its commit is news. */
    appendedIn: (tx: object): boolean => appended.has(tx),
    /** Takes the present head as applied (nobody has subscribed yet), and follows from there. */
    async start(): Promise<void> {
      const startedAt = performance.now()
      const head = await read
        .selectFrom('revisions')
        .select((of) => of.fn.max('revision').as('revision'))
        .executeTakeFirst()
      applied = head?.revision ?? 0
      headReadAt = startedAt
      engine.onRevision(kick)
      schedule()
    },
    async stop(): Promise<void> {
      stopped = true
      clearTimeout(timer)
      await running?.catch(() => 0)
    },
  }
}
