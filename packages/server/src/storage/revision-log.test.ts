import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'kysely'
import { createTestTarget, TEST_ENGINE } from '../../../../test/support/database.ts'
import { openStorage, type StorageTestTables } from '../../../../test/support/storage.ts'
import { ServiceError } from '../errors.ts'
import type { Database } from './index.ts'

function append(database: Database<StorageTestTables>, target: string): Promise<number> {
  return database.transaction((tx) => database.revisions.append(tx, { kind: 'policy', target, detail: { target } }))
}

/** Writes a revision behind the log's back, as only a broken writer could. */
function forge(database: Database<StorageTestTables>, revision: number): Promise<unknown> {
  return database.transaction((tx) =>
    sql`insert into revisions (revision, at, kind, target, detail) values (${sql.lit(revision)}, 0, 'forged', 'x', 'null')`.execute(
      tx,
    ),
  )
}

test('a revision that is missing is never skipped: nothing after it is applied and the head grows old', async (t) => {
  const database = await openStorage(t)
  const seen: number[] = []
  database.revisions.subscribe((changes) => void seen.push(...changes.map(({ revision }) => revision)))
  await append(database, 'one')
  await database.revisions.refresh()
  await forge(database, 3)
  const { ageMs } = database.revisions.head()
  await assert.rejects(
    database.revisions.refresh(),
    (error) => error instanceof ServiceError && error.code === 'store_unavailable',
  )
  assert.deepEqual(seen, [1])
  assert.equal(database.revisions.head().revision, 1)
  assert.equal(database.revisions.head().ageMs > ageMs, true)
  await forge(database, 2)
  assert.equal(await database.revisions.refresh(), 3)
  assert.deepEqual(seen, [1, 2, 3])
})

test('a listener that throws gets the same revisions again, and the head does not advance meanwhile', async (t) => {
  const database = await openStorage(t)
  const attempts: number[][] = []
  const others: number[] = []
  let failing = true
  database.revisions.subscribe((changes) => {
    attempts.push(changes.map(({ revision }) => revision))
    if (failing) throw new Error('cannot compile')
  })
  database.revisions.subscribe((changes) => void others.push(...changes.map(({ revision }) => revision)))
  await append(database, 'one')
  await assert.rejects(database.revisions.refresh())
  assert.equal(database.revisions.head().revision, 0)
  failing = false
  assert.equal(await database.revisions.refresh(), 1)
  assert.equal(attempts.length >= 2, true)
  assert.equal(
    attempts.every((revisions) => revisions.length === 1 && revisions[0] === 1),
    true,
  )
  assert.deepEqual(others, [1], 'a listener that took a revision does not get it twice')
})

test('a transaction that rolls back takes no revision', async (t) => {
  const database = await openStorage(t)
  await assert.rejects(
    database.transaction(async (tx) => {
      await database.revisions.append(tx, { kind: 'policy', target: 'x', detail: null })
      throw new Error('no')
    }),
  )
  assert.equal(await append(database, 'one'), 1)
})

test('a detail that is not JSON is refused', async (t) => {
  const database = await openStorage(t)
  await assert.rejects(
    database.transaction((tx) => database.revisions.append(tx, { kind: 'policy', target: 'x', detail: undefined })),
    TypeError,
  )
})

test('50 concurrent appends are numbered without a gap and seen once, in order', async (t) => {
  const database = await openStorage(t)
  const seen: number[] = []
  database.revisions.subscribe(async (changes) => {
    await wait(1)
    seen.push(...changes.map(({ revision }) => revision))
  })
  const revisions = await Promise.all(Array.from({ length: 50 }, (_, index) => append(database, `target-${index}`)))
  const all = Array.from({ length: 50 }, (_, index) => index + 1)
  assert.deepEqual(
    revisions.toSorted((one, other) => one - other),
    all,
  )
  assert.equal(await database.revisions.refresh(), 50)
  assert.deepEqual(seen, all)
})

test('a revision is announced after its commit without anybody asking', async (t) => {
  const database = await openStorage(t)
  const announced = Promise.withResolvers<string>()
  database.revisions.subscribe(([change]) => announced.resolve(change?.target ?? ''))
  await append(database, 'one')
  assert.equal(await announced.promise, 'one')
})

test('what happened before a database was opened is read, not replayed', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const first = await openStorage(t, { target })
  await append(first, 'one')
  await append(first, 'two')
  await first.close()
  const second = await openStorage(t, { target })
  assert.equal(second.revisions.head().revision, 2)
  const seen: number[] = []
  second.revisions.subscribe((changes) => void seen.push(...changes.map(({ revision }) => revision)))
  await append(second, 'three')
  await second.revisions.refresh()
  assert.deepEqual(seen, [3])
  assert.deepEqual(
    (await second.revisions.since(1, 10)).map(({ revision, target, detail }) => ({ revision, target, detail })),
    [
      { revision: 2, target: 'two', detail: { target: 'two' } },
      { revision: 3, target: 'three', detail: { target: 'three' } },
    ],
  )
  assert.equal((await second.revisions.since(0, 1)).length, 1)
})

test('an ended subscription hears nothing more', async (t) => {
  const database = await openStorage(t)
  const seen: number[] = []
  const end = database.revisions.subscribe((changes) => void seen.push(changes.length))
  end()
  await append(database, 'one')
  await database.revisions.refresh()
  assert.deepEqual(seen, [])
})

test('more revisions than one page holds are applied in order', async (t) => {
  const database = await openStorage(t)
  const seen: number[] = []
  database.revisions.subscribe((changes) => void seen.push(...changes.map(({ revision }) => revision)))
  await database.transaction(async (tx) => {
    for (let count = 0; count < 1201; count += 1) {
      await database.revisions.append(tx, { kind: 'bulk', target: `t-${count}`, detail: count })
    }
  })
  assert.equal(await database.revisions.refresh(), 1201)
  assert.equal(seen.length, 1201)
  assert.equal(
    seen.every((revision, index) => revision === index + 1),
    true,
  )
})

test('another replica hears of a revision, in order', {
  skip: TEST_ENGINE === 'embedded' && 'one process only',
}, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const writer = await openStorage(t, { target })
  const reader = await openStorage(t, { target })
  const seen: number[] = []
  const all = Promise.withResolvers<void>()
  reader.revisions.subscribe((changes) => {
    seen.push(...changes.map(({ revision }) => revision))
    if (seen.length === 20) all.resolve()
  })
  await Promise.all(Array.from({ length: 20 }, (_, index) => append(writer, `target-${index}`)))
  await all.promise
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})
