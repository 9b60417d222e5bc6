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

/** The value of an installation setting. */
export async function selectSetting(db: Kysely<Tables>, name: string): Promise<string | undefined> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst()
  return row?.value
}

/** Stores a setting unless it exists: settings are made once. */
export async function insertSetting(tx: Transaction<Tables>, name: string, value: string): Promise<void> {
  await tx
    .insertInto('settings')
    .values({ name, value })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute()
}
