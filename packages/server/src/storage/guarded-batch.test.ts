import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTestTarget, TEST_ENGINE } from '../../../../test/support/database.ts'
import { claimKey, openStorage, STORAGE_TEST_PLAN, type StorageTestTables } from '../../../../test/support/storage.ts'
import { ServiceError } from '../errors.ts'
import { BATCH_NUMBER, type BatchEntry, type BatchRows, type Database } from './index.ts'

const later = (): number => Date.now() + 3_600_000

function entry(key: number, expiresAt: number, id: string, text = 'text'): BatchEntry {
  return { guard: [claimKey(key), 0, expiresAt], rows: { journal: [[id, text, BATCH_NUMBER]] } }
}

async function journalIds(database: Database<StorageTestTables>): Promise<string[]> {
  const rows = await database.read.selectFrom('journal').select('id').orderBy('id').execute()
  return rows.map(({ id }) => id)
}

test('of many concurrent entries with one guard row exactly one wins, and only its rows are stored (replay)', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiresAt = later()
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, (_, index) => batch.write(entry(1, expiresAt, `entry-${index}`))),
  )
  assert.equal(outcomes.filter(({ won }) => won).length, 1)
  const winner = outcomes.findIndex(({ won }) => won)
  assert.deepEqual(await journalIds(database), [`entry-${winner}`])
})

test('two replicas that race for the same guard rows win each of them exactly once between them', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const database = await openStorage(t, { target })
  // The embedded engine has one process; there the two are two batches of it.
  const replica = TEST_ENGINE === 'postgres' ? await openStorage(t, { target }) : database
  const one = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const other = replica.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiresAt = later()
  const keys = Array.from({ length: 300 }, (_, index) => index)
  // Opposite orders: unsorted writers would wait for each other in a circle.
  const [ones, others] = await Promise.all([
    Promise.all(keys.map((key) => one.write(entry(key, expiresAt, `one-${key}`)))),
    Promise.all(keys.toReversed().map((key) => other.write(entry(key, expiresAt, `other-${key}`)))),
  ])
  const otherByKey = others.toReversed()
  for (const key of keys) assert.notEqual(ones[key]?.won, otherByKey[key]?.won, `key ${key}`)
  assert.equal((await journalIds(database)).length, keys.length)
})

test('a guard row that was there before loses, and nothing of its entry is stored', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiresAt = later()
  assert.equal((await batch.write(entry(1, expiresAt, 'first'))).won, true)
  assert.equal((await batch.write(entry(1, expiresAt, 'second'))).won, false)
  assert.deepEqual(await journalIds(database), ['first'])
})

test('guard rows that differ in any column are different', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiresAt = later()
  const outcomes = await Promise.all([
    batch.write({ guard: [claimKey(1), 0, expiresAt], rows: {} }),
    batch.write({ guard: [claimKey(1), 1, expiresAt], rows: {} }),
    batch.write({ guard: [claimKey(1), 0, expiresAt + 1], rows: {} }),
    batch.write({ guard: [claimKey(2), 0, expiresAt], rows: {} }),
  ])
  assert.deepEqual(
    outcomes.map(({ won }) => won),
    [true, true, true, true],
  )
})

test('one bad row among good ones fails its own entry only', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiresAt = later()
  await batch.write(entry(0, expiresAt, 'taken'))
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, (_, index) =>
      batch.write(entry(index + 1, expiresAt, index === 17 ? 'taken' : `entry-${index}`)),
    ),
  )
  assert.deepEqual(
    results.flatMap(({ status }, index) => (status === 'rejected' ? [index] : [])),
    [17],
  )
  assert.equal((await journalIds(database)).length, 30)
  // The guard row of the failed entry went with it: the same proof may be presented again.
  assert.equal((await batch.write(entry(18, expiresAt, 'again'))).won, true)
})

test('a value that does not fit its column is refused before it can spoil a batch', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const expiresAt = later()
  const guard = [claimKey(1), 0, expiresAt]
  const refused: readonly BatchEntry[] = [
    { guard: [claimKey(1), 0], rows: {} },
    { guard: [claimKey(1), 0.5, expiresAt], rows: {} },
    { guard: [claimKey(1), null, expiresAt], rows: {} },
    { guard: ['text', 0, expiresAt], rows: {} },
    { guard, rows: { journal: [['id', 'text']] } },
    { guard, rows: { journal: [[1, 'text', 1]] } },
    { guard, rows: { journal: [['id', BATCH_NUMBER, 1]] } },
    { guard, rows: { journal: [['id', 'text', 2 ** 53]] } },
    { guard, rows: { elsewhere: [['id']] } },
    { guard, rows: { constructor: [['id']] } },
  ]
  for (const bad of refused) await assert.rejects(batch.write(bad), TypeError)
  for (const text of ['a\0b', '\ud800']) {
    await assert.rejects(
      batch.write({ guard, rows: { journal: [['id', text, 1]] } }),
      (error) => error instanceof ServiceError && error.code === 'validation_failed',
    )
  }
  assert.equal((await batch.write({ guard, rows: {} })).won, true)
})

test('unconditional entries are stored without a guard row', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const outcome = await batch.write({ guard: null, rows: { journal: [['denied', 'text', BATCH_NUMBER]] } })
  assert.deepEqual(outcome, { won: true, batch: 1 })
  assert.deepEqual(await database.read.selectFrom('journal').selectAll().execute(), [
    { id: 'denied', entry: 'text', batch: 1 },
  ])
})

test('every text and every byte comes back from a batch as it was written (property)', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch({
    guard: { table: 'claims', columns: { key: 'bytes', slot: 'integer', expires_at: 'integer' } },
    dependents: { notes: { table: 'notes', columns: { id: 'text', body: 'text', size: 'integer', data: 'bytes' } } },
  })
  let run = 0
  const text = fc
    .oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({
        unit: fc.constantFrom('"', '\\', '{', '}', ',', "'", '$', '&', ' ', '\n', '\t', 'N', 'U', 'L', 'x', '0'),
      }),
      fc.constantFrom('NULL', '', '{}', '\\x00', '"', '\\', '$&'),
    )
    .filter((value) => !value.includes('\0'))
  const row = fc.record({
    body: text,
    size: fc.option(fc.maxSafeNat()),
    data: fc.option(fc.uint8Array({ maxLength: 40 })),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
      run += 1
      const written = rows.map((made, index) => ({ id: `${String(run).padStart(4, '0')}-${index}`, ...made }))
      await Promise.all(
        written.map(({ id, body, size, data }) =>
          batch.write({ guard: null, rows: { notes: [[id, body, size, data]] } }),
        ),
      )
      const ids = written.map(({ id }) => id)
      const read = await database.read.selectFrom('notes').selectAll().where('id', 'in', ids).orderBy('id').execute()
      assert.deepEqual(
        read.map(({ data, ...rest }) => ({ ...rest, data: data && [...data] })),
        written.map(({ data, ...rest }) => ({ ...rest, data: data && [...data] })),
      )
    }),
    { numRuns: 60 },
  )
})

test('where the first writer wins, later rows are left out silently', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
  const mark = (): BatchEntry => ({ guard: null, rows: { marks: [['same', BATCH_NUMBER]] } })
  await Promise.all([batch.write(mark()), batch.write(mark())])
  await batch.write(mark())
  assert.deepEqual(await database.read.selectFrom('marks').selectAll().execute(), [{ name: 'same', batch: 1 }])
})

test('the number of a batch is in its rows and its outcomes, and no two batches share one', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN, { maxEntries: 10 })
  const expiresAt = later()
  const outcomes = await Promise.all(
    Array.from({ length: 25 }, (_, index) => batch.write(entry(index, expiresAt, `entry-${index}`))),
  )
  const rows = await database.read.selectFrom('journal').selectAll().execute()
  for (const [index, { batch: number }] of outcomes.entries()) {
    assert.equal(rows.find(({ id }) => id === `entry-${index}`)?.batch, number)
  }
  assert.deepEqual(
    [1, 2, 3].map((number) => outcomes.filter((outcome) => outcome.batch === number).length),
    [10, 10, 5],
  )
})

test('rows that ride along are committed with the next batch, or handed back when it fails', async (t) => {
  const database = await openStorage(t)
  let waiting: BatchRows = { marks: [['first', BATCH_NUMBER]] }
  const failed: BatchRows[] = []
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN, {
    rideAlong: () => {
      const rows = waiting
      waiting = {}
      return rows
    },
    rideFailed: (rows) => void failed.push(rows),
  })
  const expiresAt = later()
  await batch.write(entry(1, expiresAt, 'one'))
  assert.deepEqual(await database.read.selectFrom('marks').selectAll().execute(), [{ name: 'first', batch: 1 }])
  waiting = { marks: [['second', BATCH_NUMBER]] }
  await assert.rejects(batch.write(entry(2, expiresAt, 'one')))
  assert.deepEqual(failed, [{ marks: [['second', BATCH_NUMBER]] }])
  assert.equal((await database.read.selectFrom('marks').selectAll().execute()).length, 1)
})

test('close waits for every entry that was accepted', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch(STORAGE_TEST_PLAN, { maxEntries: 5 })
  const expiresAt = later()
  const writes = Array.from({ length: 20 }, (_, index) => batch.write(entry(index, expiresAt, `entry-${index}`)))
  await Promise.resolve()
  assert.equal(batch.pending() > 0, true)
  await database.close()
  assert.equal(
    (await Promise.all(writes)).every(({ won }) => won),
    true,
  )
  assert.equal(batch.pending(), 0)
})

test('any sequence of concurrent entries stores exactly the first use of each guard row (property)', async (t) => {
  const database = await openStorage(t)
  const expiresAt = later()
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.nat({ max: 6 }), guarded: fc.boolean() }), { maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      async (uses, maxEntries) => {
        run += 1
        const mine = run
        const batch = database.createGuardedBatch(STORAGE_TEST_PLAN, { maxEntries })
        const outcomes = await Promise.all(
          uses.map(({ key, guarded }, index) => {
            const made = entry(mine * 100 + key, expiresAt, `${mine}-${index}`)
            return batch.write(guarded ? made : { ...made, guard: null })
          }),
        )
        const seen = new Set<number>()
        const expected = uses.map(({ key, guarded }) => {
          if (!guarded) return true
          const first = !seen.has(key)
          seen.add(key)
          return first
        })
        assert.deepEqual(
          outcomes.map(({ won }) => won),
          expected,
        )
        const stored = (await journalIds(database)).filter((id) => id.startsWith(`${mine}-`))
        assert.equal(stored.length, expected.filter(Boolean).length)
      },
    ),
    { numRuns: 25 },
  )
})
