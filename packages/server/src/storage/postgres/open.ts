import { PostgresAdapter, PostgresQueryCompiler, sql } from 'kysely'
import type pg from 'pg'
import { ServiceError } from '../../errors.ts'
import { RolledBack } from '../dialect.ts'
import type { BatchWrite, Engine, Session, StatementResult } from '../engine.ts'
import { getPartitioned } from '../migrations.ts'
import type { BatchPlan } from '../types.ts'
import type { StorableValue } from '../values.ts'
import { createBatchWriter } from './batch.ts'
import { createPool } from './connect.ts'
import {
  isDroppedRange,
  isMissingPartition,
  isRefusedPartition,
  isRetryablePostgres,
  isStatementFaultPostgres,
  translatePostgres,
} from './errors.ts'
import { LOCKS, REVISION_CHANNEL } from './locks.ts'
import { assertCurrent, type MigratePostgresDependencies, migratePostgres } from './migrate.ts'
import { openSession } from './session.ts'

const POOL_SIZE = 10
const BATCH_POOL_SIZE = 2
/** Partitions are dropped at most this many times as fast as they fill, so that a clock set ahead for a minute has done little. */
const MAX_PACE = 5
const STREAM_IDLE_LIMIT = '10min'
const GRANT_IDLE_LIMIT = '2s'

function toResult({ rows, rowCount }: pg.QueryResult): StatementResult {
  return { rows, changes: rowCount ?? 0 }
}

/** One connection of the pool. A connection whose transaction could not be ended is thrown away. */
async function acquire(pool: pg.Pool): Promise<Session> {
  const client = await pool.connect()
  let broken = false
  return {
    query: async (text, parameters) => toResult(await client.query(text, [...parameters])),
    // Each statement sees what was committed before it: what is read after waiting for a lock must not be older than the lock.
    begin: async () => void (await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')),
    commit: async () => {
      const { command } = await client.query('COMMIT')
      // PostgreSQL answers COMMIT with ROLLBACK when a statement of the transaction had failed.
      if (command === 'ROLLBACK') throw new RolledBack('a statement of the transaction had failed')
    },
    rollback: async () => {
      try {
        await client.query('ROLLBACK')
      } catch (error) {
        broken = true
        throw error
      }
    },
    release: () => client.release(broken),
  }
}

async function* streamRows(
  pool: pg.Pool,
  text: string,
  parameters: readonly StorableValue[],
  chunkSize: number,
): AsyncIterableIterator<StatementResult['rows']> {
  const client = await pool.connect()
  let finished = false
  try {
    await client.query('BEGIN READ ONLY')
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = '${STREAM_IDLE_LIMIT}'`)
    await client.query(`DECLARE streamed NO SCROLL CURSOR FOR ${text}`, [...parameters])
    for (;;) {
      const { rows } = await client.query(`FETCH ${Math.max(1, Math.trunc(chunkSize))} FROM streamed`)
      if (rows.length === 0) break
      yield rows
    }
    await client.query('COMMIT')
    finished = true
  } finally {
    // A reader that leaves early leaves a transaction open: the connection goes with it.
    client.release(!finished)
  }
}

/** Refuses a server that acknowledges a commit before it is on a disk, or that cannot write. */
async function assertDurable(client: pg.ClientBase, dependencies: MigratePostgresDependencies): Promise<void> {
  const { rows } = await client.query<{ commit: string; fsync: string; standby: boolean }>(
    "SELECT current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync, pg_is_in_recovery() AS standby",
  )
  const settings = rows[0]
  if (settings?.standby)
    throw new ServiceError('store_unavailable', { internal: 'the database is a read-only standby' })
  if (settings?.commit === 'off') {
    throw new ServiceError('config_invalid', {
      detail: 'the database loses acknowledged commits (synchronous_commit is off); set it to on for the serving role',
    })
  }
  if (settings?.fsync === 'off') {
    dependencies.logger?.warn({}, 'the database server runs with fsync off: a power cut loses acknowledged commits')
  }
}

/**
 * PostgreSQL: a pool for reads and transactions, connections of its own for batches, one that keeps its session.
 * @throws ServiceError `store_unavailable`, `schema_newer`, `schema_older`, `config_invalid`.
 */
export async function openPostgres(dependencies: MigratePostgresDependencies): Promise<Engine> {
  const { url, direct, migrateUrl, migrations, now, logger } = dependencies
  if (migrateUrl !== undefined) await migratePostgres(dependencies)
  const settings = { url, pooled: direct !== undefined }
  const pool = createPool(settings, POOL_SIZE, logger)
  const batchPool = createPool(settings, BATCH_POOL_SIZE, logger)
  try {
    const client = await pool.connect()
    try {
      await assertCurrent(client, migrations)
      await assertDurable(client, dependencies)
    } finally {
      client.release()
    }
  } catch (error) {
    await pool.end()
    await batchPool.end()
    throw translatePostgres(error)
  }
  const session = openSession({ url: direct ?? url, logger })
  try {
    await session.ready
  } catch (error) {
    await Promise.all([session.close(), pool.end(), batchPool.end()])
    throw translatePostgres(error)
  }
  const known = new Map<string, Set<number>>()
  const lastDrop = new Map<string, number>()
  let plans = 0

  function isKnown(table: string, value: number): boolean {
    return known.get(table)?.has(Math.floor(value / getPartitioned(migrations, table).spanMs)) === true
  }

  async function ensure(table: string, value: number): Promise<void> {
    const { spanMs } = getPartitioned(migrations, table)
    if (isKnown(table, value)) return
    await pool.query(`SELECT storage_ensure_${table}($1)`, [value])
    const made = known.get(table) ?? new Set<number>()
    known.set(table, made.add(Math.floor(value / spanMs)))
  }

  /** Which columns of a plan decide a partition: position of the table (0 is the guard) and of the column in it. */
  function partitionColumns(plan: BatchPlan) {
    const partitioned = migrations.flatMap((migration) => migration.partitioned ?? [])
    return [plan.guard, ...Object.values(plan.dependents)].flatMap(({ table, columns }, position) => {
      const found = partitioned.find((entry) => entry.table === table)
      return found ? [{ position, table, column: Object.keys(columns).indexOf(found.column) }] : []
    })
  }

  /** Makes the partitions of the rows. Returns the entries whose guard row lies in a range that has been dropped. */
  async function ensureFor(
    entries: readonly BatchWrite[],
    columns: ReturnType<typeof partitionColumns>,
  ): Promise<ReadonlySet<BatchWrite>> {
    const lost = new Set<BatchWrite>()
    for (const { position, table, column } of columns) {
      for (const entry of entries) {
        const { guard, rows } = entry
        const written = position === 0 ? (guard === null ? [] : [guard]) : (rows[position - 1] ?? [])
        for (const row of written) {
          const value = row[column]
          if (typeof value !== 'number' || isKnown(table, value)) continue
          try {
            await ensure(table, value)
          } catch (error) {
            if (position === 0 && isDroppedRange(error)) lost.add(entry)
            // A range that may not be made: the row itself will be refused, and only its own entry fails.
            else if (!isRefusedPartition(error) && !isDroppedRange(error)) throw error
          }
        }
      }
    }
    return lost
  }

  return {
    compiler: () => new PostgresQueryCompiler(),
    adapter: () => new PostgresAdapter(),
    readSession: () => acquire(pool),
    writeSession: () => acquire(pool),
    stream: (text, parameters, chunkSize) => streamRows(pool, text, parameters, chunkSize),
    translate: translatePostgres,
    isRetryable: isRetryablePostgres,
    isStatementFault: isStatementFaultPostgres,
    prepareBatch: (plan) => {
      plans += 1
      const write = createBatchWriter(batchPool, plan, settings.pooled ? undefined : `batch_${plans}`)
      const columns = partitionColumns(plan)
      const commit = async (entries: readonly BatchWrite[]): Promise<readonly boolean[]> => {
        const lost = await ensureFor(entries, columns)
        if (lost.size === 0) return write(entries)
        const left = entries.filter((entry) => !lost.has(entry))
        const won = left.length === 0 ? [] : await write(left)
        const winners = new Set(left.filter((_, index) => won[index] === true))
        return entries.map((entry) => winners.has(entry))
      }
      return async (entries) => {
        try {
          return await commit(entries)
        } catch (error) {
          if (!isMissingPartition(error)) throw error
          // Another process has dropped a partition that was known here. The statement is rolled back: asked again, it says so.
          for (const { table } of columns) known.delete(table)
          return commit(entries)
        }
      }
    },
    lockRevisions: async (tx) => void (await sql.raw(`SELECT pg_advisory_xact_lock(${LOCKS.revisions})`).execute(tx)),
    shareRevisions: async (tx) => {
      // Every revocation waits for a grant that is under way, and every further grant for the revocation: one replica that is frozen
      // in between must not hold up all of them. It loses its transaction, and so grants nothing.
      const limit = `set_config('idle_in_transaction_session_timeout', '${GRANT_IDLE_LIMIT}', true)`
      await sql.raw(`SELECT ${limit}, pg_advisory_xact_lock_shared(${LOCKS.revisions})`).execute(tx)
    },
    // Not the transaction's own time, which stands still while it waits for a lock.
    time: async (tx) => {
      const { rows } = await sql<{
        ms: number
      }>`SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms`.execute(tx)
      return Number(rows[0]?.ms)
    },
    notifyRevision: async (tx, revision) =>
      void (await sql.raw(`NOTIFY ${REVISION_CHANNEL}, '${Math.trunc(revision)}'`).execute(tx)),
    onRevision: session.onRevision,
    shareLock: 'for share',
    tryLead: session.tryLead,
    ensurePartitions: async (table, upToValue) => {
      const { spanMs } = getPartitioned(migrations, table)
      const first = Math.floor(Math.min(upToValue, now().getTime()) / spanMs)
      // The furthest first: where it may not be made, none is.
      for (let range = Math.floor(upToValue / spanMs); range >= first; range -= 1) {
        try {
          await ensure(table, range * spanMs)
        } catch (error) {
          // From here down everything has been dropped, and stays so.
          if (isDroppedRange(error)) return
          throw error
        }
      }
    },
    dropBefore: async (table, beforeValue) => {
      const { spanMs } = getPartitioned(migrations, table)
      const since = performance.now() - (lastDrop.get(table) ?? Number.NEGATIVE_INFINITY)
      if (since < spanMs / MAX_PACE) return 0
      const { rows } = await pool.query<{ dropped: number }>(`SELECT storage_drop_${table}($1) AS dropped`, [
        beforeValue,
      ])
      const dropped = rows[0]?.dropped ?? 0
      if (dropped > 0) {
        known.delete(table)
        lastDrop.set(table, performance.now())
      }
      return dropped
    },
    ping: async () => void (await pool.query('SELECT 1')),
    close: async () => {
      await session.close()
      await Promise.all([pool.end(), batchPool.end()])
    },
  }
}
