import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createTestTarget, TEST_ENGINE } from '../../../../test/support/database.ts'
import { moveClock } from '../../../../test/support/postgres-database.ts'
import {
  claimKey,
  openStorage,
  SPAN_MS,
  STORAGE_TEST_PLAN,
  type StorageTestTables,
} from '../../../../test/support/storage.ts'
import type { ServiceError } from '../errors.ts'
import type { Database } from './index.ts'

const DAY_MS = 24 * SPAN_MS
const postgresOnly = { skip: TEST_ENGINE === 'embedded' && 'PostgreSQL only' }

async function partitionCount(database: Database<StorageTestTables>): Promise<number> {
  const { rows } = await sql<{ found: number }>`
    select count(*) as found from pg_inherits where inhparent = 'claims'::regclass`.execute(database.read)
  return rows[0]?.found ?? -1
}

async function claimCount(database: Database<StorageTestTables>): Promise<number> {
  return (await database.read.selectFrom('claims').selectAll().execute()).length
}

test('a claim of any near expiry is accepted once, on both sides of every partition boundary', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const boundary = Math.ceil(Date.now() / SPAN_MS) * SPAN_MS
  const expiries = [0, 1, 5, 23, 24].flatMap((spans) => [-1, 0, 1].map((offset) => boundary + spans * SPAN_MS + offset))
  for (const expiresAt of expiries) {
    const write = () => batch.write({ guard: [claimKey(expiresAt % 1000), 0, expiresAt], rows: {} })
    const outcomes = await Promise.all([write(), write(), write()])
    assert.equal(outcomes.filter(({ won }) => won).length, 1)
    assert.equal((await write()).won, false)
  }
})

test('a claim beyond what may be kept fails alone, and is never accepted unrecorded', postgresOnly, async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const write = (expiresAt: number) => batch.write({ guard: [claimKey(1), 0, expiresAt], rows: {} })
  const results = await Promise.allSettled([
    write(Date.now() + 1000),
    write(Date.now() + 400 * DAY_MS),
    write(Date.now() - 2 * DAY_MS),
    write(Date.now() + 2000),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  for (const result of results) {
    if (result.status === 'rejected') assert.equal((result.reason as ServiceError).code, 'validation_failed')
  }
  assert.equal(await claimCount(database), 2)
})

test(
  'the functions check their own dates: the serving role can neither drop what is valid nor make what is past',
  postgresOnly,
  async (t) => {
    const database = await openStorage(t)
    await database.ensurePartitions('claims', Date.now() + DAY_MS)
    const before = await partitionCount(database)
    assert.equal(before >= 25, true)
    // Directly, as a serving process that was taken over would.
    for (const value of [Date.now() - 3 * SPAN_MS, Date.now() + 30 * DAY_MS, -1]) {
      await assert.rejects(
        database.transaction((tx) => sql`select storage_ensure_claims(${value}::bigint)`.execute(tx)),
        /no partition of claims may be made/,
      )
    }
    await database.transaction((tx) =>
      sql`select storage_drop_claims(${Date.now() + 900 * DAY_MS}::bigint)`.execute(tx),
    )
    assert.equal(await partitionCount(database), before)
    assert.equal(await database.dropBefore('claims', Date.now() + DAY_MS), 0)
  },
)

test(
  'the rules for making and dropping a partition exclude each other, so that no claim is made room for twice',
  postgresOnly,
  async (t) => {
    const database = await openStorage(t)
    for (const hours of [-100, -2, -1, 0, 1, 2, 100]) {
      const upper = Date.now() + hours * SPAN_MS
      const { rows } = await sql<{ make: boolean; remove: boolean }>`
      select storage_may_create_partition(${upper - SPAN_MS}::bigint, ${upper}::bigint) as make,
        storage_may_drop_partition(${upper}::bigint) as remove`.execute(database.read)
      assert.equal(rows[0]?.make, !rows[0]?.remove)
    }
  },
)

test('there is no default partition', postgresOnly, async (t) => {
  const database = await openStorage(t)
  await database.ensurePartitions('claims', Date.now())
  const { rows } = await sql<{ id: number }>`select partdefid::int8 as id from pg_partitioned_table`.execute(
    database.read,
  )
  assert.deepEqual(rows, [{ id: 0 }])
})

test('concurrent processes make a partition once', postgresOnly, async (t) => {
  const database = await openStorage(t)
  const value = Date.now() + SPAN_MS
  await Promise.all(
    Array.from({ length: 8 }, () =>
      database.transaction((tx) => sql`select storage_ensure_claims(${value}::bigint)`.execute(tx)),
    ),
  )
  assert.equal(await partitionCount(database), 1)
})

test('claims that have expired go, claims that are valid stay, whatever is asked for', {
  skip: TEST_ENGINE === 'postgres' && 'embedded only',
}, async (t) => {
  let at = Date.now()
  const database = await openStorage(t, { now: () => new Date(at) })
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiries = Array.from({ length: 50 }, (_, index) => at + index * 1000)
  await Promise.all(
    expiries.map((expiresAt, index) => batch.write({ guard: [claimKey(index), 0, expiresAt], rows: {} })),
  )
  at += 20_500
  assert.equal(await database.dropBefore('claims', at - 10_000), 11)
  assert.equal(await database.dropBefore('claims', at + DAY_MS), 10, 'nothing that is still valid')
  assert.equal(await claimCount(database), 29)
})

test('a table that is not partitioned is refused', async (t) => {
  const database = await openStorage(t)
  for (const table of ['notes', 'absent', 'claims; drop table notes']) {
    await assert.rejects(database.dropBefore(table, 1), TypeError)
    await assert.rejects(database.ensurePartitions(table, 1), TypeError)
  }
})

test('a claim that was dropped while the clock was ahead is not accepted again when it is back', async (t) => {
  const real = Date.now()
  let ahead = 0
  const target = await createTestTarget(t, { empty: true })
  const now = () => new Date(real + ahead)
  const database = await openStorage(t, { target, now })
  // The database's own clock is moved with that of the process.
  const moveDatabase = async (ms: number) => {
    if ('postgres' in target) await moveClock(target.postgres.migrateUrl ?? '', ms)
  }
  const write = (key: number, expiresAt: number, on = database) =>
    on.createGuardedBatch(STORAGE_TEST_PLAN).write({ guard: [claimKey(key), 0, expiresAt], rows: {} })
  const expiresAt = real + 240_000
  assert.equal((await write(1, expiresAt)).won, true)
  ahead = 2 * DAY_MS
  await moveDatabase(ahead)
  assert.equal((await database.dropBefore('claims', real + ahead - 150_000)) > 0, true, 'the attack takes place')
  assert.equal(await claimCount(database), 0)
  ahead = 0
  await moveDatabase(0)
  assert.equal((await write(1, expiresAt)).won, false)
  assert.equal(await claimCount(database), 0)
  // Housekeeping goes on meanwhile, and makes what comes after.
  await database.ensurePartitions('claims', real + DAY_MS)
  assert.equal((await write(2, real + 3 * SPAN_MS)).won, true, 'what was never dropped is not refused')
})

test(
  'a process that does not know that a partition was dropped loses its claims there too',
  postgresOnly,
  async (t) => {
    const target = await createTestTarget(t, { empty: true })
    const migrateUrl = 'postgres' in target ? (target.postgres.migrateUrl ?? '') : ''
    const [first, second] = [await openStorage(t, { target }), await openStorage(t, { target })]
    const expiresAt = Date.now() + 60_000
    const batch = second.createGuardedBatch(STORAGE_TEST_PLAN)
    const write = (key: number, at = expiresAt) => batch.write({ guard: [claimKey(key), 0, at], rows: {} })
    assert.equal((await write(1)).won, true)
    await moveClock(migrateUrl, 2 * DAY_MS)
    assert.equal(await first.dropBefore('claims', Date.now() + DAY_MS), 1)
    await moveClock(migrateUrl, 0)
    const outcomes = await Promise.all([write(1), write(2), write(3, expiresAt + 3 * SPAN_MS)])
    assert.deepEqual(
      outcomes.map(({ won }) => won),
      [false, false, true],
    )
    await assert.rejects(
      second.transaction((tx) => sql`update dropped_ranges set before_value = 0`.execute(tx)),
      /permission denied/,
    )
  },
)

test('a clock that is ahead for a minute has little dropped', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const real = Date.now()
  let ahead = 0
  const database = await openStorage(t, { target, now: () => new Date(real + ahead) })
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiries = [1, 2, 3, 4, 5].map((spans) => real + spans * SPAN_MS)
  for (const [key, expiresAt] of expiries.entries()) {
    await batch.write({ guard: [claimKey(key), 0, expiresAt], rows: {} })
  }
  ahead = 2 * DAY_MS
  if ('postgres' in target) await moveClock(target.postgres.migrateUrl ?? '', ahead)
  for (let run = 0; run < 3; run += 1) await database.dropBefore('claims', real + ahead)
  assert.equal(await claimCount(database), 4)
})
