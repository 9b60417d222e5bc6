import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestTarget, TEST_ENGINE } from '../../../../test/support/database.ts'
import { openStorage, STORAGE_TEST_MIGRATIONS, type StorageTestTables } from '../../../../test/support/storage.ts'
import { ServiceError } from '../errors.ts'
import { systemNow } from '../lib/index.ts'
import { type DatabaseTarget, type Migration, migrateDatabase, openDatabase } from './index.ts'
import { pendingMigrations } from './migrations.ts'

const SECOND: Migration = { version: 2, name: 'second', statements: () => ['CREATE TABLE later (id TEXT PRIMARY KEY)'] }
const NEWER = [...STORAGE_TEST_MIGRATIONS, SECOND]

const refusedWith = (code: string) => (error: unknown) => error instanceof ServiceError && error.code === code

const open = (target: DatabaseTarget, migrations: readonly Migration[] = STORAGE_TEST_MIGRATIONS) =>
  openDatabase<StorageTestTables>({ migrations, target, now: systemNow })

test('a database of a newer version is refused and left as it is', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  await migrateDatabase({ migrations: NEWER, target, now: systemNow })
  await assert.rejects(open(target), refusedWith('schema_newer'))
  await assert.rejects(
    migrateDatabase({ migrations: STORAGE_TEST_MIGRATIONS, target, now: systemNow }),
    refusedWith('schema_newer'),
  )
  const database = await open(target, NEWER)
  await database.close()
})

test('a database of another line of versions is refused', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  await migrateDatabase({ migrations: NEWER, target, now: systemNow })
  const other = [...STORAGE_TEST_MIGRATIONS, { ...SECOND, name: 'other' }]
  await assert.rejects(open(target, other), refusedWith('schema_newer'))
})

test('a migration that fails leaves nothing of itself, and the ones before it stay', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const broken = { ...SECOND, statements: () => ['CREATE TABLE half (id TEXT)', 'CREATE TABLE half (id TEXT)'] }
  await assert.rejects(migrateDatabase({ migrations: [...STORAGE_TEST_MIGRATIONS, broken], target, now: systemNow }))
  const database = await openStorage(t, { target })
  const applied = await database.read
    .selectFrom('schema_migrations')
    .select(['version', 'name'])
    .orderBy('version')
    .execute()
  assert.deepEqual(applied, [
    { version: 0, name: 'storage' },
    { version: 1, name: 'test-tables' },
  ])
  await assert.rejects(
    database.read
      .selectFrom('half' as 'notes')
      .selectAll()
      .execute(),
  )
})

test('migrations without gaps only', () => {
  assert.throws(() => pendingMigrations([SECOND], []), TypeError)
  assert.throws(() => pendingMigrations([...STORAGE_TEST_MIGRATIONS, { ...SECOND, version: 3 }], []), TypeError)
})

test('an older database is brought up to date, and its rows stay', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const before = await open(target)
  await before.transaction((tx) => tx.insertInto('marks').values({ name: 'kept', batch: 1 }).execute())
  await before.close()
  assert.deepEqual(await migrateDatabase({ migrations: NEWER, target, now: systemNow }), { from: 1, to: 2 })
  assert.deepEqual(await migrateDatabase({ migrations: NEWER, target, now: systemNow }), { from: 2, to: 2 })
  const after = await open(target, NEWER)
  assert.deepEqual(await after.read.selectFrom('marks').selectAll().execute(), [{ name: 'kept', batch: 1 }])
  await after.close()
})

const postgresOnly = { skip: TEST_ENGINE === 'embedded' && 'PostgreSQL only' }

test('without the migrating role an older or an empty database is refused', postgresOnly, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  if (!('postgres' in target)) return assert.fail('PostgreSQL only')
  const serving: DatabaseTarget = { postgres: { url: target.postgres.url } }
  await assert.rejects(open(serving), refusedWith('schema_older'))
  await migrateDatabase({ migrations: STORAGE_TEST_MIGRATIONS, target, now: systemNow })
  await assert.rejects(open(serving, NEWER), refusedWith('schema_older'))
  const database = await open(serving)
  await database.close()
})

test('processes that start at the same time migrate once', postgresOnly, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const databases = await Promise.all([1, 2, 3, 4].map(() => openStorage(t, { target })))
  assert.equal((await databases[0]?.read.selectFrom('schema_migrations').selectAll().execute())?.length, 2)
})
