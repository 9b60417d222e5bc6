import type pg from 'pg'
import type { StorageLogger } from '../engine.ts'
import { appendOnlyTables, STORAGE_MIGRATION } from '../migrations.ts'
import type { ColumnTypes, Migration } from '../types.ts'
import { quoteName } from '../values.ts'

const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'] as const

/** What only the migrating role and the functions of storage write. */
const READ_ONLY = new Set(['schema_migrations', 'dropped_ranges'])

type Privilege = (typeof PRIVILEGES)[number]

/** What the serving role may do with each table of the given migrations, and nothing beyond. */
export function tablePrivileges(
  migrations: readonly Migration[],
  types: ColumnTypes,
): ReadonlyMap<string, readonly Privilege[]> {
  const appendOnly = new Set(appendOnlyTables(migrations))
  const partitioned = new Set(
    migrations.flatMap((migration) => (migration.partitioned ?? []).map(({ table }) => table)),
  )
  const privileges = new Map<string, readonly Privilege[]>()
  for (const migration of [STORAGE_MIGRATION, ...migrations]) {
    for (const statement of [...migration.statements(types), ...(migration.postgres ?? [])]) {
      const table = /^\s*CREATE TABLE (?:IF NOT EXISTS )?([a-z][a-z0-9_]*)/.exec(statement)?.[1]
      if (table === undefined) continue
      if (READ_ONLY.has(table)) privileges.set(table, ['SELECT'])
      // Rows of a partitioned table leave with their partition, through the function that checks its own dates.
      else if (appendOnly.has(table) || partitioned.has(table)) privileges.set(table, ['SELECT', 'INSERT'])
      else privileges.set(table, ['SELECT', 'INSERT', 'UPDATE', 'DELETE'])
    }
  }
  return privileges
}

async function holds(client: pg.Client, role: string, table: string): Promise<ReadonlySet<Privilege>> {
  const sql = `SELECT p FROM unnest($1::text[]) AS p WHERE has_table_privilege($2::name, $3::text, p)`
  const { rows } = await client.query<{ p: Privilege }>(sql, [PRIVILEGES, role, table])
  return new Set(rows.map(({ p }) => p))
}

function same(held: ReadonlySet<Privilege>, wanted: readonly Privilege[]): boolean {
  return held.size === wanted.length && wanted.every((privilege) => held.has(privilege))
}

/**
 * Gives the serving role what it needs and takes the rest, where the two differ from what is. A role that can do more by
 * other means (superuser, member of the owner) is reported: append-only then rests on the triggers alone.
 */
export async function grantServing(
  client: pg.Client,
  role: string,
  schema: string,
  migrations: readonly Migration[],
  types: ColumnTypes,
  logger: StorageLogger | undefined,
): Promise<void> {
  const grantee = client.escapeIdentifier(role)
  const excess: string[] = []
  await client.query('BEGIN')
  await client.query(`GRANT USAGE ON SCHEMA ${client.escapeIdentifier(schema)} TO ${grantee}`)
  for (const [table, wanted] of tablePrivileges(migrations, types)) {
    if (same(await holds(client, role, table), wanted)) continue
    await client.query(`REVOKE ALL ON TABLE ${quoteName(table)} FROM ${grantee}, PUBLIC`)
    await client.query(`GRANT ${wanted.join(', ')} ON TABLE ${quoteName(table)} TO ${grantee}`)
    if (!same(await holds(client, role, table), wanted)) excess.push(table)
  }
  for (const { table } of migrations.flatMap((migration) => migration.partitioned ?? [])) {
    quoteName(table)
    await client.query(
      `GRANT EXECUTE ON FUNCTION storage_ensure_${table}(BIGINT), storage_drop_${table}(BIGINT) TO ${grantee}`,
    )
  }
  await client.query('COMMIT')
  if (excess.length > 0) {
    logger?.warn({ role, tables: excess }, 'the serving role of the database can do more than it needs')
  }
}
