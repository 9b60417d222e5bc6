import { AsyncLocalStorage } from 'node:async_hooks'
import { Kysely, type Transaction } from 'kysely'
import { ServiceError } from '../errors.ts'
import type { Now } from '../lib/index.ts'
import { startCampaign } from './campaign.ts'
import { createDialect } from './dialect.ts'
import type { Engine, StorageLogger } from './engine.ts'
import { assertPlan, closedError, createGuardedBatch } from './guarded-batch.ts'
import { createRevisionLog } from './revision-log.ts'
import type { Database, StorageTables } from './types.ts'

const RETRIES = 3
const TRANSACTION_LIMIT_MS = 30_000

/** What a database is made of. */
export interface DatabaseDependencies {
  readonly engine: Engine
  readonly now: Now
  readonly logger: StorageLogger | undefined
}

/** Rejects when `work` takes longer than any transaction may: on the embedded engine all writers wait behind it. */
async function limited<R>(work: Promise<R>): Promise<R> {
  const limit = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    limit.reject(new ServiceError('internal_error', { internal: 'a transaction took longer than 30 seconds' }))
  }, TRANSACTION_LIMIT_MS)
  try {
    return await Promise.race([work, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** The database over an engine that is open and migrated. */
export async function createDatabase<T extends StorageTables>(
  dependencies: DatabaseDependencies,
): Promise<Database<T>> {
  const { engine, now, logger } = dependencies
  const read = new Kysely<StorageTables>({ dialect: createDialect(engine, 'read', assertOpen) })
  const write = new Kysely<StorageTables>({ dialect: createDialect(engine, 'write', () => {}) })
  const revisions = createRevisionLog({ engine, read, now, logger })
  const inTransaction = new AsyncLocalStorage<{ active: boolean }>()
  const open = new Set<Promise<unknown>>()
  const batches: ReturnType<typeof createGuardedBatch>[] = []
  const campaigns = new Set<() => Promise<void>>()
  let closing: Promise<void> | undefined

  function assertOpen(): void {
    if (closing) throw closedError()
    if (inTransaction.getStore()?.active) {
      throw new TypeError('a transaction awaits nothing but its own statements: use tx, or wait until it has committed')
    }
  }

  async function attempt<R>(work: (tx: Transaction<StorageTables>) => Promise<R>): Promise<R> {
    const scope = { active: true }
    let news = false
    try {
      const result = await write.transaction().execute(async (tx) => {
        const value = await limited(inTransaction.run(scope, () => work(tx)))
        news = revisions.appendedIn(tx)
        return value
      })
      if (news) revisions.kick()
      return result
    } finally {
      scope.active = false
    }
  }

  async function retried<R>(work: (tx: Transaction<StorageTables>) => Promise<R>): Promise<R> {
    for (let retry = 0; ; retry += 1) {
      try {
        return await attempt(work)
      } catch (error) {
        if (retry >= RETRIES || !engine.isRetryable(error)) throw engine.translate(error)
        await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 20 * (retry + 1)))
      }
    }
  }

  async function run<R>(work: (tx: Transaction<StorageTables>) => Promise<R>): Promise<R> {
    const running = retried(work)
    open.add(running)
    try {
      return await running
    } finally {
      open.delete(running)
    }
  }

  async function transaction<R>(work: (tx: Transaction<StorageTables>) => Promise<R>): Promise<R> {
    assertOpen()
    return run(work)
  }

  async function translated<R>(work: () => Promise<R>): Promise<R> {
    if (closing) throw closedError()
    try {
      return await work()
    } catch (error) {
      throw engine.translate(error)
    }
  }

  async function close(): Promise<void> {
    await Promise.all([...campaigns].map((stop) => stop()))
    await revisions.stop()
    await Promise.all(batches.map(({ drained }) => drained()))
    await Promise.allSettled([...open])
    await engine.close()
  }

  await revisions.start()
  const database: Database<StorageTables> = {
    read,
    transaction,
    revisions: revisions.log,
    time: async (tx) => new Date(await engine.time(tx)),
    createGuardedBatch: (plan, options = {}) => {
      assertOpen()
      assertPlan(plan)
      const created = createGuardedBatch({ engine, plan, options, logger, assertOpen })
      batches.push(created)
      return created.batch
    },
    campaign: (holder, lead) => {
      assertOpen()
      if (campaigns.size > 0) throw new TypeError('one campaign per database: two would share one lock')
      const stop = startCampaign({ engine, now, logger, transaction }, holder, lead)
      campaigns.add(stop)
      return async () => {
        await stop()
        campaigns.delete(stop)
      }
    },
    ensurePartitions: (table, upToValue) => translated(() => engine.ensurePartitions(table, upToValue)),
    dropBefore: (table, beforeValue) => translated(() => engine.dropBefore(table, beforeValue)),
    ping: (timeoutMs) =>
      translated(async () => {
        const limit = Promise.withResolvers<never>()
        const timer = setTimeout(() => {
          limit.reject(new ServiceError('store_unavailable', { internal: `no answer within ${timeoutMs} ms` }))
        }, timeoutMs)
        try {
          await Promise.race([engine.ping(), limit.promise])
        } finally {
          clearTimeout(timer)
        }
      }),
    close: () => {
      closing ??= close()
      return closing
    },
  }
  // The tables of storage are part of T: what reads and writes them here reads and writes them there.
  return database as unknown as Database<T>
}
