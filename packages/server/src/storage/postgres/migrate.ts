import type pg from 'pg'
import { ServiceError } from '../../errors.ts'
import type { Now } from '../../lib/index.ts'
import type { StorageLogger } from '../engine.ts'
import {
  type AppliedMigration,
  type MigrationResult,
  pendingMigrations,
  recordStatement,
  schemaOlder,
  sharedStatements,
} from '../migrations.ts'
import type { ColumnTypes, Migration } from '../types.ts'
import { quoteName } from '../values.ts'
import { withClient } from './connect.ts'
import { translatePostgres } from './errors.ts'
import { grantServing } from './grants.ts'
import { LOCKS } from './locks.ts'
import { partitionFunctions, partitionRules } from './partitions.ts'

const TYPES: ColumnTypes = { bytes: 'BYTEA', integer: 'BIGINT' }

/** What migrating PostgreSQL needs. */
export interface MigratePostgresDependencies {
  readonly url: string
  readonly direct?: string
  readonly migrateUrl?: string
  readonly migrations: readonly Migration[]
  readonly now: Now
  readonly logger: StorageLogger | undefined
}

/** Made with version 0: what triggers and partitions of later migrations call. */
const FOUNDATION: readonly string[] = [
  `CREATE FUNCTION storage_refuse_change() RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$`,
  ...partitionRules(),
]

/** The owner could still drop the trigger; the serving role owns nothing. */
function appendOnlyTrigger(table: string): string {
  return `CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ${quoteName(table)}
    FOR EACH STATEMENT EXECUTE FUNCTION storage_refuse_change()`
}

function statementsOf(migration: Migration, schema: string, at: number): readonly string[] {
  return [
    ...(migration.version === 0 ? FOUNDATION : []),
    ...sharedStatements(migration, TYPES),
    ...(migration.postgres ?? []),
    ...(migration.appendOnly ?? []).map(appendOnlyTrigger),
    ...(migration.partitioned ?? []).flatMap((partitioned) => partitionFunctions(partitioned, schema)),
    recordStatement(migration, at),
  ]
}

/** The migrations that the database has run; none when it has no schema yet. */
async function readApplied(client: pg.ClientBase): Promise<readonly AppliedMigration[]> {
  const { rows: found } = await client.query<{ found: boolean }>(
    "SELECT to_regclass('schema_migrations') IS NOT NULL AS found",
  )
  if (!found[0]?.found) return []
  const { rows } = await client.query<{ version: number; name: string }>(
    'SELECT version, name FROM schema_migrations ORDER BY version',
  )
  return rows
}

async function migrateWith(
  client: pg.Client,
  servingRole: string,
  { migrations, now, logger }: MigratePostgresDependencies,
): Promise<MigrationResult> {
  const { rows } = await client.query<{ schema: string | null; role: string }>(
    'SELECT current_schema() AS schema, current_user AS role',
  )
  const { schema, role } = rows[0] ?? {}
  if (!schema || !role) {
    throw new ServiceError('config_invalid', { detail: 'the migrating role sees no schema; check its search_path' })
  }
  // Waits for another process that migrates, as long as that takes; an index on a large table takes its time.
  await client.query(`SELECT pg_advisory_lock(${LOCKS.migrate})`)
  const applied = await readApplied(client)
  for (const migration of pendingMigrations(migrations, applied)) {
    await client.query('BEGIN')
    for (const statement of statementsOf(migration, schema, now().getTime())) await client.query(statement)
    await client.query('COMMIT')
  }
  if (servingRole !== role) await grantServing(client, servingRole, schema, migrations, TYPES, logger)
  return { from: applied.at(-1)?.version ?? -1, to: migrations.length }
}

/**
 * Brings the schema up to date as the role of `migrateUrl`, else of `url`, and gives the role of `url` its grants.
 * @throws ServiceError `store_unavailable`, `schema_newer`, `config_invalid`.
 */
export async function migratePostgres(dependencies: MigratePostgresDependencies): Promise<MigrationResult> {
  const serving = dependencies.direct ?? dependencies.url
  try {
    const servingRole = await withClient({ url: serving, pooled: false }, async (client) => {
      const { rows } = await client.query<{ role: string }>('SELECT current_user AS role')
      return rows[0]?.role ?? ''
    })
    return await withClient({ url: dependencies.migrateUrl ?? serving, pooled: false, timeoutMs: 0 }, (client) =>
      migrateWith(client, servingRole, dependencies),
    )
  } catch (error) {
    throw translatePostgres(error)
  }
}

/**
 * Sees to it that the schema is the one that this version knows, without changing anything.
 * @throws ServiceError `schema_newer`, `schema_older`.
 */
export async function assertCurrent(client: pg.ClientBase, migrations: readonly Migration[]): Promise<void> {
  const applied = await readApplied(client)
  if (pendingMigrations(migrations, applied).length > 0) throw schemaOlder(applied, migrations)
}
