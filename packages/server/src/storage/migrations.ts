import { ServiceError } from '../errors.ts'
import type { ColumnTypes, Migration } from './types.ts'
import { quoteName } from './values.ts'

/** The tables that storage itself owns: version 0, before every migration of the domain. */
export const STORAGE_MIGRATION: Migration = {
  version: 0,
  name: 'storage',
  statements: ({ integer }) => [
    `CREATE TABLE schema_migrations (version ${integer} PRIMARY KEY, name TEXT NOT NULL, applied_at ${integer} NOT NULL)`,
    `CREATE TABLE revisions (
      revision ${integer} PRIMARY KEY, at ${integer} NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL)`,
    `CREATE TABLE leadership (
      id ${integer} PRIMARY KEY CHECK (id = 1), epoch ${integer} NOT NULL, holder TEXT NOT NULL, at ${integer} NOT NULL)`,
    // Where rows of a partitioned table have been dropped: nothing is ever stored there again.
    `CREATE TABLE dropped_ranges (table_name TEXT PRIMARY KEY, before_value ${integer} NOT NULL)`,
  ],
  appendOnly: ['schema_migrations', 'revisions'],
}

/** A migration that a database has run. */
export interface AppliedMigration {
  readonly version: number
  readonly name: string
}

/** What a migration run did: the schema's version before and after; `from` is -1 for an empty database. */
export interface MigrationResult {
  readonly from: number
  readonly to: number
}

/**
 * The migrations that a database still has to run, oldest first.
 * @throws ServiceError `schema_newer` when the database has run one that this version does not know.
 */
export function pendingMigrations(
  migrations: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const known = [STORAGE_MIGRATION, ...migrations]
  for (const [index, migration] of known.entries()) {
    if (migration.version !== index) throw new TypeError('migrations are numbered 1, 2, 3, ... without gaps')
  }
  const newest = known.length - 1
  for (const [index, { version, name }] of applied.entries()) {
    if (version > newest) {
      throw new ServiceError('schema_newer', {
        detail: `it has schema version ${applied.at(-1)?.version}, this version understands up to ${newest}`,
      })
    }
    if (version !== index || known[version]?.name !== name) {
      throw new ServiceError('schema_newer', {
        detail: `its schema version ${version} (${name}) was made by another line of versions`,
      })
    }
  }
  return known.slice(applied.length)
}

/** The error for a schema that this process may not bring up to date. */
export function schemaOlder(applied: readonly AppliedMigration[], migrations: readonly Migration[]): ServiceError {
  const version = applied.at(-1)?.version
  return new ServiceError('schema_older', {
    detail: `it has ${version === undefined ? 'no schema yet' : `schema version ${version}`}, this version needs ${migrations.length}`,
  })
}

/** The statements of a migration that both engines share. */
export function sharedStatements(migration: Migration, types: ColumnTypes): readonly string[] {
  return migration.statements(types)
}

/** The statement that records a migration as run; name and numbers come from code. */
export function recordStatement(migration: Migration, at: number): string {
  const name = migration.name
  if (!/^[a-z0-9-]+$/.test(name)) throw new TypeError('a migration is named in lower-case words with hyphens')
  return `INSERT INTO schema_migrations (version, name, applied_at) VALUES (${migration.version}, '${name}', ${Math.trunc(at)})`
}

/** Tables of all given migrations that only ever grow. */
export function appendOnlyTables(migrations: readonly Migration[]): readonly string[] {
  return [STORAGE_MIGRATION, ...migrations].flatMap((migration) => migration.appendOnly ?? [])
}

/** A table whose retention is a range of one column. */
export type PartitionedTable = NonNullable<Migration['partitioned']>[number]

/** The partitioned table of that name. */
export function getPartitioned(migrations: readonly Migration[], table: string): PartitionedTable {
  const found = migrations.flatMap((migration) => migration.partitioned ?? []).find((entry) => entry.table === table)
  if (!found) throw new TypeError(`${quoteName(table)} is not a partitioned table`)
  return found
}
