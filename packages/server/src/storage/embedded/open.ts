import { statSync } from 'node:fs'
import { join } from 'node:path'
import { SqliteAdapter, SqliteQueryCompiler } from 'kysely'
import { ServiceError } from '../../errors.ts'
import type { Now } from '../../lib/index.ts'
import type { Engine, StatementResult, StorageLogger } from '../engine.ts'
import { getPartitioned, type MigrationResult, type PartitionedTable } from '../migrations.ts'
import type { BatchPlan, BatchTable, Migration } from '../types.ts'
import { quoteName, type StorableValue } from '../values.ts'
import { prepareDirectory, prepareFile } from './directory.ts'
import { translateEmbedded } from './errors.ts'
import { lockDirectory } from './lock.ts'
import { EmbeddedError } from './messages.ts'
import { migrateEmbedded } from './migrate.ts'
import { openReader } from './reader.ts'
import { startWriter, type Writer } from './writer.ts'

const DELETED_PER_STATEMENT = 2000
const STATEMENTS_PER_DROP = 25
/** A call drops no more than this stretch of a table, so that a clock that was set ahead for a minute has done little. */
const MAX_ADVANCE_MS = 300_000

/** What the embedded engine needs. */
export interface EmbeddedDependencies {
  readonly directory: string
  readonly migrations: readonly Migration[]
  readonly now: Now
  readonly logger: StorageLogger | undefined
}

interface OpenFile {
  readonly file: string
  readonly writer: Writer
  readonly migrated: MigrationResult
  close(): Promise<void>
}

/** Locks the directory, reads the file through, and brings its schema up to date. Changes nothing when it refuses. */
async function openFile({ directory, migrations, now, logger }: EmbeddedDependencies): Promise<OpenFile> {
  prepareDirectory(directory, logger)
  const unlock = lockDirectory(directory)
  const writer = startWriter()
  const close = async (): Promise<void> => {
    await writer.close()
    unlock()
  }
  try {
    const { file, made } = prepareFile(directory, 'countersign.db')
    if (!made && statSync(file).size === 0) {
      throw new ServiceError('store_corrupt', {
        detail: `${file} is empty; restore a backup, or delete the file if this installation has never been used`,
      })
    }
    const { faults, tables } = (await writer.ask({ act: 'open', file })) as {
      faults: readonly string[]
      tables: readonly string[]
    }
    if (faults.length > 0) {
      throw new ServiceError('store_corrupt', { detail: `${file} fails its check`, internal: faults.join('; ') })
    }
    const configure = async (): Promise<void> => void (await writer.ask({ act: 'configure' }))
    const migrated = await migrateEmbedded(writer, migrations, tables, now().getTime(), configure)
    return { file, writer, migrated, close }
  } catch (error) {
    await close()
    const translated = translateEmbedded(error)
    if (translated instanceof ServiceError && translated.code === 'store_corrupt' && !translated.detail) {
      throw new ServiceError('store_corrupt', {
        detail: `${join(directory, 'countersign.db')} is not a readable database`,
        cause: error,
      })
    }
    throw translated
  }
}

/** Brings the schema up to date and closes the directory again. */
export async function migrateEmbeddedDirectory(dependencies: EmbeddedDependencies): Promise<MigrationResult> {
  const opened = await openFile(dependencies)
  await opened.close()
  return opened.migrated
}

function insertStatement({ table, columns, onConflict }: BatchTable): string {
  const names = Object.keys(columns)
  const ignore = onConflict === 'ignore' ? ' ON CONFLICT DO NOTHING' : ''
  return `INSERT INTO ${quoteName(table)} (${names.map(quoteName).join(', ')}) VALUES (${names.map(() => '?').join(', ')})${ignore}`
}

/**
 * SQLite in the data directory: one writer connection in a thread of its own, reads on the main thread.
 * @throws ServiceError `data_directory_unusable`, `store_corrupt`, `schema_newer`.
 */
export async function openEmbedded(dependencies: EmbeddedDependencies): Promise<Engine> {
  const { migrations, now } = dependencies
  const opened = await openFile(dependencies)
  const { writer } = opened
  const reader = openReader(opened.file)

  async function write(sql: string, parameters: readonly StorableValue[]): Promise<StatementResult> {
    const release = await writer.turn()
    try {
      return (await writer.ask({ act: 'query', sql, parameters })) as StatementResult
    } finally {
      release()
    }
  }

  const dropped = new Set<string>()

  /** Stores how far rows will now be dropped, and returns it; undefined when there is nothing to drop. */
  async function raiseDroppedRange({ table, column }: PartitionedTable, limit: number): Promise<number | undefined> {
    const { rows } = await reader.session.query(
      `SELECT (SELECT min(${quoteName(column)}) FROM ${quoteName(table)}) AS oldest,
        (SELECT before_value FROM dropped_ranges WHERE table_name = ?) AS reached`,
      [table],
    )
    const { oldest = null, reached = null } = rows[0] ?? {}
    if (oldest === null) return undefined
    // Only the first time may it jump, over the time that this process was not running.
    const from = dropped.has(table) && reached !== null ? Number(reached) : Math.max(Number(reached), Number(oldest))
    dropped.add(table)
    const before = Math.min(limit, from + MAX_ADVANCE_MS)
    await write(
      `INSERT INTO dropped_ranges (table_name, before_value) VALUES (?, ?)
        ON CONFLICT (table_name) DO UPDATE SET before_value = max(before_value, excluded.before_value)`,
      [table, before],
    )
    return before
  }

  async function dropRows(table: string, beforeValue: number): Promise<number> {
    const partitioned = getPartitioned(migrations, table)
    // Never what is still valid, as far as the clock can be believed. Where it cannot, the stored range refuses what was dropped.
    const before = await raiseDroppedRange(partitioned, Math.min(beforeValue, now().getTime()))
    if (before === undefined) return 0
    const names = [quoteName(table), quoteName(partitioned.column)]
    let removed = 0
    for (let count = 0; count < STATEMENTS_PER_DROP; count += 1) {
      const { changes } = await write(
        `DELETE FROM ${names[0]} WHERE ${names[1]} IN
          (SELECT DISTINCT ${names[1]} FROM ${names[0]} WHERE ${names[1]} < ? ORDER BY ${names[1]} LIMIT ?)`,
        [before, DELETED_PER_STATEMENT],
      )
      removed += changes
      if (changes === 0) break
    }
    return removed
  }

  return {
    compiler: () => new SqliteQueryCompiler(),
    adapter: () => new SqliteAdapter(),
    readSession: async () => reader.session,
    writeSession: writer.session,
    stream: reader.stream,
    translate: translateEmbedded,
    isRetryable: () => false,
    isStatementFault: (error) => error instanceof EmbeddedError && translateEmbedded(error) === error,
    prepareBatch: (plan: BatchPlan) => {
      const guardSql = insertStatement({ ...plan.guard, onConflict: 'ignore' })
      const rowSql = Object.values(plan.dependents).map(insertStatement)
      return async (entries) => {
        const release = await writer.turn()
        try {
          return (await writer.ask({ act: 'batch', guardSql, rowSql, entries })) as boolean[]
        } finally {
          release()
        }
      }
    },
    // The writer's turn is the lock, and its commit is seen by this process alone.
    lockRevisions: async () => {},
    shareRevisions: async () => {},
    time: async () => now().getTime(),
    notifyRevision: async () => {},
    onRevision: () => {},
    shareLock: '',
    tryLead: async (holder, at) => {
      const release = await writer.turn()
      try {
        const { rows } = (await writer.ask({
          act: 'query',
          sql: `INSERT INTO leadership (id, epoch, holder, at) VALUES (1, 1, ?, ?)
            ON CONFLICT (id) DO UPDATE SET epoch = epoch + 1, holder = excluded.holder, at = excluded.at RETURNING epoch`,
          parameters: [holder, at],
        })) as StatementResult
        return { epoch: Number(rows[0]?.['epoch']), lost: new AbortController().signal, release: async () => {} }
      } finally {
        release()
      }
    },
    ensurePartitions: async (table) => void getPartitioned(migrations, table),
    dropBefore: dropRows,
    ping: async () => {
      await reader.session.query('SELECT 1', [])
      await writer.ask({ act: 'query', sql: 'SELECT 1', parameters: [] })
    },
    close: async () => {
      reader.close()
      await opened.close()
    },
  }
}
