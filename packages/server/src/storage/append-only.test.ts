import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createTestTarget, TEST_ENGINE } from '../../../../test/support/database.ts'
import { openStorage, STORAGE_TEST_MIGRATIONS, type StorageTestTables } from '../../../../test/support/storage.ts'
import { systemNow } from '../lib/index.ts'
import { type Database, migrateDatabase, openDatabase } from './index.ts'

const CHANGES = [
  "update journal set entry = 'changed'",
  'delete from journal',
  "delete from journal where id = 'absent' or 1 = 1",
  "update revisions set kind = 'changed'",
  'delete from revisions',
  'delete from schema_migrations',
  'update schema_migrations set version = version + 100',
]

const OF_EMBEDDED = [
  "replace into journal (id, entry, batch) values ('one', 'changed', 0)",
  "insert or replace into journal (id, entry, batch) values ('one', 'changed', 0)",
  "insert into journal (id, entry, batch) values ('one', 'x', 0) on conflict (id) do update set entry = 'changed'",
  "update or replace journal set entry = 'changed'",
]

const OF_POSTGRES = [
  'truncate journal',
  'truncate revisions cascade',
  "insert into journal (id, entry, batch) values ('one', 'x', 0) on conflict (id) do update set entry = 'changed'",
  'drop table journal',
  'drop trigger journal_append_only on journal',
  'alter table journal disable trigger all',
  'alter table journal rename to other',
  'create or replace function storage_refuse_change() returns trigger language plpgsql as $$ begin return new; end $$',
  'create table mine (id text)',
  'delete from claims',
  'truncate claims',
  "set session_replication_role = 'replica'",
]

async function fill(database: Database<StorageTestTables>): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.insertInto('journal').values({ id: 'one', entry: 'original', batch: 0 }).execute()
    await database.revisions.append(tx, { kind: 'original', target: 'x', detail: null })
  })
}

async function assertUnchanged(database: Database<StorageTestTables>): Promise<void> {
  assert.deepEqual(await database.read.selectFrom('journal').selectAll().execute(), [
    { id: 'one', entry: 'original', batch: 0 },
  ])
  assert.deepEqual(await database.read.selectFrom('revisions').select('kind').execute(), [{ kind: 'original' }])
  assert.equal((await database.read.selectFrom('schema_migrations').selectAll().execute()).length, 2)
}

test('the serving code cannot change or delete what is append-only', async (t) => {
  const database = await openStorage(t)
  await fill(database)
  for (const statement of [...CHANGES, ...(TEST_ENGINE === 'postgres' ? OF_POSTGRES : OF_EMBEDDED)]) {
    await assert.rejects(
      database.transaction((tx) => sql.raw(statement).execute(tx)),
      /append-only|permission denied|must be owner/,
      statement,
    )
    await assertUnchanged(database)
  }
})

test('a table that is not append-only can be changed', async (t) => {
  const database = await openStorage(t)
  await database.transaction(async (tx) => {
    await tx.insertInto('notes').values({ id: 'one', body: 'a', size: null, data: null }).execute()
    await tx.updateTable('notes').set({ body: 'b' }).execute()
    await tx.deleteFrom('notes').execute()
  })
})

const postgresOnly = { skip: TEST_ENGINE === 'embedded' && 'PostgreSQL only' }

test('even the owner of the schema is refused by the triggers', postgresOnly, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  assert.equal('postgres' in target, true)
  if (!('postgres' in target)) return
  const url = target.postgres.migrateUrl ?? ''
  const owner = { postgres: { url } }
  const options = { migrations: STORAGE_TEST_MIGRATIONS, target: owner, now: systemNow }
  await migrateDatabase(options)
  const database = await openDatabase<StorageTestTables>(options)
  try {
    await fill(database)
    for (const statement of [...CHANGES, 'truncate journal', 'truncate revisions']) {
      await assert.rejects(
        database.transaction((tx) => sql.raw(statement).execute(tx)),
        /append-only/,
        statement,
      )
    }
    await assertUnchanged(database)
  } finally {
    await database.close()
  }
})

test('the serving role owns nothing and has no privilege beyond its own', postgresOnly, async (t) => {
  const database = await openStorage(t)
  const owned = await sql`select relname from pg_class where relowner = current_user::regrole`.execute(database.read)
  assert.deepEqual(owned.rows, [])
  const functions = await sql`select proname from pg_proc where proowner = current_user::regrole`.execute(database.read)
  assert.deepEqual(functions.rows, [])
  const { rows } = await sql<{ held: string }>`
    select table_name || ' ' || string_agg(privilege_type, ' ' order by privilege_type) as held
    from information_schema.role_table_grants
    where grantee in (current_user, 'PUBLIC') and table_schema = current_schema()
    group by table_name order by table_name`.execute(database.read)
  assert.deepEqual(
    rows.map(({ held }) => held),
    [
      'claims INSERT SELECT',
      'dropped_ranges SELECT',
      'journal INSERT SELECT',
      'leadership DELETE INSERT SELECT UPDATE',
      'marks DELETE INSERT SELECT UPDATE',
      'notes DELETE INSERT SELECT UPDATE',
      'revisions INSERT SELECT',
      'schema_migrations SELECT',
    ],
  )
})

test('privileges that were given by hand are taken back when the schema is migrated', postgresOnly, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const first = await openStorage(t, { target })
  await fill(first)
  assert.equal('postgres' in target, true)
  if (!('postgres' in target)) return
  const owner = await openDatabase<StorageTestTables>({
    migrations: STORAGE_TEST_MIGRATIONS,
    target: { postgres: { url: target.postgres.migrateUrl ?? '' } },
    now: systemNow,
  })
  await owner.transaction((tx) => sql.raw('grant all on journal to public').execute(tx))
  await owner.close()
  const second = await openStorage(t, { target })
  const { rows } = await sql<{ may: boolean }>`select has_table_privilege('journal', 'TRUNCATE') as may`.execute(
    second.read,
  )
  assert.deepEqual(rows, [{ may: false }])
})
