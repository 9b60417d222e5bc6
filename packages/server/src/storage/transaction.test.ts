import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { openStorage } from '../../../../test/support/storage.ts'
import { ServiceError } from '../errors.ts'
import { isUniqueViolation } from './index.ts'

const note = (id: string, body = 'text') => ({ id, body, size: null, data: null })

function refusedWith(code: string) {
  return (error: unknown): boolean => error instanceof ServiceError && error.code === code
}

test('a transaction that throws leaves nothing', async (t) => {
  const database = await openStorage(t)
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.insertInto('notes').values(note('one')).execute()
      throw new Error('changed my mind')
    }),
    /changed my mind/,
  )
  assert.deepEqual(await database.read.selectFrom('notes').selectAll().execute(), [])
})

test('a transaction in which a statement failed never commits, even when the failure is swallowed', async (t) => {
  const database = await openStorage(t)
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.insertInto('notes').values(note('one')).execute()
      await tx
        .insertInto('notes')
        .values(note('one'))
        .execute()
        .catch(() => undefined)
    }),
  )
  assert.deepEqual(await database.read.selectFrom('notes').selectAll().execute(), [])
})

test('the next transaction works after one that failed', async (t) => {
  const database = await openStorage(t)
  const insert = () => database.transaction((tx) => tx.insertInto('notes').values(note('one')).execute())
  await insert()
  await assert.rejects(insert(), isUniqueViolation)
  await database.transaction((tx) => tx.insertInto('notes').values(note('two')).execute())
  assert.equal((await database.read.selectFrom('notes').select('id').execute()).length, 2)
})

test('a violated check is no unique violation', async (t) => {
  const database = await openStorage(t)
  const broken = { ...note('one'), size: -1 }
  await assert.rejects(
    database.transaction((tx) => tx.insertInto('notes').values(broken).execute()),
    (error) => !isUniqueViolation(error),
  )
})

for (const [name, text] of [
  ['a NUL character', 'a\0b'],
  ['a lone high surrogate', 'a\ud800'],
  ['a lone low surrogate', '\udc00b'],
] as const) {
  test(`text with ${name} is refused on both engines, and never stored in another form`, async (t) => {
    const database = await openStorage(t)
    await assert.rejects(
      database.transaction((tx) => tx.insertInto('notes').values(note('one', text)).execute()),
      refusedWith('validation_failed'),
    )
    await assert.rejects(
      database.read.selectFrom('notes').selectAll().where('id', '=', text).execute(),
      refusedWith('validation_failed'),
    )
    assert.deepEqual(await database.read.selectFrom('notes').selectAll().execute(), [])
  })
}

for (const [name, value] of [
  ['a boolean', true],
  ['a date', new Date(0)],
  ['undefined', undefined],
  ['a number that is not finite', Number.NaN],
  ['an array', ['a']],
] as const) {
  test(`${name} is refused as a parameter on both engines`, async (t) => {
    const database = await openStorage(t)
    await assert.rejects(database.read.executeQuery(sql`select 1 where 1 = ${value}`.compile(database.read)), TypeError)
  })
}

test('an integer beyond 2^53 is refused when read, never rounded', async (t) => {
  const database = await openStorage(t)
  await database.transaction((tx) =>
    sql`insert into notes (id, body, size) values ('big', 'text', 9007199254740993)`.execute(tx),
  )
  await assert.rejects(database.read.selectFrom('notes').select('size').execute(), RangeError)
})

test('reads refuse to write and to open a transaction', async (t) => {
  const database = await openStorage(t)
  await assert.rejects(database.read.insertInto('notes').values(note('one')).execute(), TypeError)
  await assert.rejects(database.read.deleteFrom('notes').execute(), TypeError)
  await assert.rejects(
    database.read.transaction().execute(async () => undefined),
    TypeError,
  )
})

test('a transaction inside a transaction is refused at once instead of waiting for itself', async (t) => {
  const database = await openStorage(t)
  await assert.rejects(
    database.transaction(async () => {
      await database.transaction(async () => undefined)
    }),
    TypeError,
  )
  await assert.rejects(
    database.transaction(async () => {
      await database.read.selectFrom('notes').selectAll().execute()
    }),
    TypeError,
  )
})

test('a statement that comes after its transaction has ended is refused', async (t) => {
  const database = await openStorage(t)
  let late: (() => Promise<unknown>) | undefined
  await database.transaction(async (tx) => {
    late = () => tx.insertInto('notes').values(note('late')).execute()
  })
  await assert.rejects(async () => late?.())
  assert.deepEqual(await database.read.selectFrom('notes').selectAll().execute(), [])
})

test('what a transaction has committed is read right after it', async (t) => {
  const database = await openStorage(t)
  for (let count = 1; count <= 20; count += 1) {
    await database.transaction((tx) =>
      tx
        .insertInto('notes')
        .values(note(`note-${count}`))
        .execute(),
    )
    const { found } = await database.read
      .selectFrom('notes')
      .select((of) => of.fn.countAll<number>().as('found'))
      .executeTakeFirstOrThrow()
    assert.equal(found, count)
  }
})

test('concurrent transactions are each applied whole', async (t) => {
  const database = await openStorage(t)
  await database.transaction((tx) =>
    tx
      .insertInto('notes')
      .values({ ...note('counter'), size: 0 })
      .execute(),
  )
  await Promise.all(
    Array.from({ length: 20 }, () =>
      database.transaction(async (tx) => {
        await tx
          .updateTable('notes')
          .set((of) => ({ size: of('size', '+', 1) }))
          .where('id', '=', 'counter')
          .execute()
      }),
    ),
  )
  assert.equal((await database.read.selectFrom('notes').select('size').executeTakeFirst())?.size, 20)
})

test('values come back as they were written, with the same types on both engines', async (t) => {
  const database = await openStorage(t)
  const written = {
    id: 'ü',
    body: '𝄞 "quoted" \\ {text}',
    size: Number.MAX_SAFE_INTEGER,
    data: new Uint8Array([0, 255, 1]),
  }
  const returned = await database.transaction((tx) =>
    tx.insertInto('notes').values(written).returningAll().executeTakeFirstOrThrow(),
  )
  assert.deepEqual(returned, written)
  assert.deepEqual(await database.read.selectFrom('notes').selectAll().execute(), [written])
  const [row] = (await database.read.selectFrom('notes').selectAll().execute()) as [typeof written]
  assert.equal(Object.getPrototypeOf(row), Object.prototype)
  assert.equal(Object.getPrototypeOf(row.data), Uint8Array.prototype)
})

test('changed rows are counted, and conflicts ignored, alike on both engines', async (t) => {
  const database = await openStorage(t)
  const insert = () =>
    database.transaction((tx) =>
      tx
        .insertInto('notes')
        .values([note('one'), note('two')])
        .onConflict((on) => on.doNothing())
        .executeTakeFirstOrThrow(),
    )
  assert.equal((await insert()).numInsertedOrUpdatedRows, 2n)
  assert.equal((await insert()).numInsertedOrUpdatedRows, 0n)
  const updated = await database.transaction((tx) =>
    tx.updateTable('notes').set({ body: 'new' }).executeTakeFirstOrThrow(),
  )
  assert.equal(updated.numUpdatedRows, 2n)
})

test('a stream reads in chunks while others write, and one that is left early holds up nothing', async (t) => {
  const database = await openStorage(t)
  await database.transaction((tx) =>
    tx
      .insertInto('notes')
      .values(Array.from({ length: 25 }, (_, index) => note(`note-${String(index).padStart(2, '0')}`)))
      .execute(),
  )
  const ids: string[] = []
  for await (const { id } of database.read
    .selectFrom('notes')
    .select('id')
    .where('id', '>=', 'note-05')
    .orderBy('id')
    .stream(10)) {
    ids.push(id)
    if (ids.length === 1) await database.transaction((tx) => tx.deleteFrom('notes').execute())
  }
  assert.equal(ids.length, 20)
  await database.transaction((tx) =>
    tx
      .insertInto('notes')
      .values([note('one'), note('two'), note('three')])
      .execute(),
  )
  for await (const _ of database.read.selectFrom('notes').select('id').stream(1)) break
  assert.equal((await database.read.selectFrom('notes').select('id').execute()).length, 3)
})

test('after close everything is refused, and a second close is no fault', async (t) => {
  const database = await openStorage(t)
  const batch = database.createGuardedBatch({ guard: { table: 'claims', columns: { key: 'bytes' } }, dependents: {} })
  await Promise.all([database.close(), database.close()])
  const closed = refusedWith('store_unavailable')
  await assert.rejects(database.read.selectFrom('notes').selectAll().execute(), closed)
  await assert.rejects(
    database.transaction(async () => undefined),
    closed,
  )
  await assert.rejects(batch.write({ guard: null, rows: {} }), closed)
  await assert.rejects(database.revisions.refresh(), closed)
  await assert.rejects(database.ping(1000), closed)
  await assert.rejects(database.ensurePartitions('claims', 1), closed)
  assert.throws(() => database.campaign('me', async () => undefined), closed)
})

test('close waits for transactions that have begun', async (t) => {
  const database = await openStorage(t)
  const begun = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<void>()
  const running = database.transaction(async (tx) => {
    await tx.insertInto('notes').values(note('one')).execute()
    begun.resolve()
    await finish.promise
    return 'committed'
  })
  await begun.promise
  const closing = database.close()
  finish.resolve()
  assert.equal(await running, 'committed')
  await closing
})

test('ping answers while the database does', async (t) => {
  const database = await openStorage(t)
  await database.ping(5000)
})
