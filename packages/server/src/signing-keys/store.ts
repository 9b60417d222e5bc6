import type { Kysely, Transaction } from 'kysely'
import type { SigningKeysTable, Tables } from '../schema/index.ts'

/** Every key row, newest first. */
export function selectKeys(db: Kysely<Tables>): Promise<SigningKeysTable[]> {
  return db.selectFrom('signing_keys').selectAll().orderBy('created_at', 'desc').orderBy('kid').execute()
}

/** Stores a new key; the unique index on (purpose, alg) lets one active key exist. */
export async function insertKey(tx: Transaction<Tables>, row: SigningKeysTable): Promise<void> {
  await tx.insertInto('signing_keys').values(row).execute()
}

/** Moves a key on only from the state that the caller saw; false when another process was first. */
export async function moveKey(
  tx: Transaction<Tables>,
  kid: string,
  from: string,
  change: Partial<SigningKeysTable> & { state: string },
): Promise<boolean> {
  const result = await tx
    .updateTable('signing_keys')
    .set(change)
    .where('kid', '=', kid)
    .where('state', '=', from)
    .executeTakeFirst()
  return Number(result.numUpdatedRows) === 1
}

/** The values of installation settings, as one statement sees them. */
export async function selectSettings(
  db: Kysely<Tables>,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom('settings').select(['name', 'value']).where('name', 'in', names).execute()
  return new Map(rows.map(({ name, value }) => [name, value]))
}

/** Stores a setting unless it exists. Returns whether it was stored. */
export async function insertSetting(tx: Transaction<Tables>, name: string, value: string): Promise<boolean> {
  const row = await tx
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('name')
    .executeTakeFirst()
  return row !== undefined
}

/** Replaces the value that the caller has read; false when it is another one by now. Undefined: there was none. */
export async function replaceSetting(
  tx: Transaction<Tables>,
  name: string,
  change: { readonly from: string | undefined; readonly to: string },
): Promise<boolean> {
  if (change.from === undefined) return insertSetting(tx, name, change.to)
  const row = await tx
    .updateTable('settings')
    .set({ value: change.to })
    .where('name', '=', name)
    .where('value', '=', change.from)
    .returning('name')
    .executeTakeFirst()
  return row !== undefined
}
