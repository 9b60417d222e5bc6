import { ServiceError } from '../../errors.ts'
import type { StatementResult } from '../engine.ts'
import {
  type AppliedMigration,
  type MigrationResult,
  type PartitionedTable,
  pendingMigrations,
  recordStatement,
  sharedStatements,
} from '../migrations.ts'
import type { ColumnTypes, Migration } from '../types.ts'
import { quoteName } from '../values.ts'
import type { Writer } from './writer.ts'

const TYPES: ColumnTypes = { bytes: 'BLOB', integer: 'INTEGER' }

/** Triggers refuse what the serving code must never do; on this engine there are no grants beside them. */
function appendOnlyTriggers(table: string): readonly string[] {
  quoteName(table)
  return ['UPDATE', 'DELETE'].map(
    (act) => `CREATE TRIGGER ${table}_no_${act.toLowerCase()} BEFORE ${act} ON ${table}
      BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END`,
  )
}

/** A row where others have been dropped is left out silently, as one that exists: it may have been among them. */
function droppedRangeTrigger({ table, column }: PartitionedTable): string {
  quoteName(table)
  quoteName(column)
  return `CREATE TRIGGER ${table}_not_dropped BEFORE INSERT ON ${table}
    WHEN NEW.${column} < (SELECT before_value FROM dropped_ranges WHERE table_name = '${table}')
    BEGIN SELECT RAISE(IGNORE); END`
}

async function readApplied(writer: Writer, tables: readonly string[]): Promise<readonly AppliedMigration[]> {
  if (tables.length === 0) return []
  if (!tables.includes('schema_migrations')) {
    throw new ServiceError('store_corrupt', { detail: 'the file is a SQLite database of another application' })
  }
  const sql = 'SELECT version, name FROM schema_migrations ORDER BY version'
  const { rows } = (await writer.ask({ act: 'query', sql, parameters: [] })) as StatementResult
  return rows as unknown as readonly AppliedMigration[]
}

/**
 * Brings the schema up to date, each migration in one transaction. `prepare` runs once the schema is known to be ours and
 * not newer, before anything is changed.
 * @throws ServiceError `schema_newer`, `store_corrupt`.
 */
export async function migrateEmbedded(
  writer: Writer,
  migrations: readonly Migration[],
  tables: readonly string[],
  at: number,
  prepare: () => Promise<void>,
): Promise<MigrationResult> {
  const applied = await readApplied(writer, tables)
  const pending = pendingMigrations(migrations, applied)
  await prepare()
  for (const migration of pending) {
    const statements = [
      ...sharedStatements(migration, TYPES),
      ...(migration.embedded ?? []),
      ...(migration.appendOnly ?? []).flatMap(appendOnlyTriggers),
      ...(migration.partitioned ?? []).map(droppedRangeTrigger),
      recordStatement(migration, at),
    ]
    await writer.ask({ act: 'script', statements })
  }
  return { from: applied.at(-1)?.version ?? -1, to: migrations.length }
}
