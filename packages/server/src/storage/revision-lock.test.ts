import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createTestTarget, TEST_ENGINE } from '../../../../test/support/database.ts'
import { openStorage, type StorageTestTables } from '../../../../test/support/storage.ts'
import type { Database } from './index.ts'

const REPLICAS_ONLY = { skip: TEST_ENGINE === 'embedded' && 'one process only' }

function append(database: Database<StorageTestTables>, target: string): Promise<number> {
  return database.transaction((tx) => database.revisions.append(tx, { kind: 'policy', target, detail: null }))
}

/** A grant: holds the head, leaves a note of it, and stays open for a few turns. */
function grant(database: Database<StorageTestTables>, id: string): Promise<number> {
  return database.transaction(async (tx) => {
    const { revision } = await database.revisions.holdHead(tx)
    await tx.insertInto('notes').values({ id, body: 'grant', size: revision, data: null }).execute()
    await sql`select 1`.execute(tx)
    return revision
  })
}

test('invariant 7: a grant and an append never overlap, in 200 races either the append sees the grant or the grant its revision', async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const one = await openStorage(t, { target })
  const other = TEST_ENGINE === 'postgres' ? await openStorage(t, { target }) : one
  for (let round = 0; round < 200; round += 1) {
    const id = `grant-${round}`
    const [head, { revision, seen }] = await Promise.all([
      grant(one, id),
      other.transaction(async (tx) => {
        const appended = await other.revisions.append(tx, { kind: 'revocation', target: id, detail: null })
        const note = await tx.selectFrom('notes').select('id').where('id', '=', id).executeTakeFirst()
        return { revision: appended, seen: note !== undefined }
      }),
    ])
    assert.equal(seen, head < revision, `round ${round}: head ${head}, revision ${revision}, seen ${seen}`)
  }
})

test('an append waits for a grant that is under way', REPLICAS_ONLY, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const one = await openStorage(t, { target })
  const other = await openStorage(t, { target })
  const order: string[] = []
  let appending: Promise<number> = Promise.resolve(0)
  await one.transaction(async (tx) => {
    await one.revisions.holdHead(tx)
    appending = append(other, 'x').then((revision) => {
      order.push('appended')
      return revision
    })
    // Long enough for the append to have come to the lock.
    await sql`select pg_sleep(0.2)`.execute(tx)
    order.push('granted')
  })
  assert.equal(await appending, 1)
  assert.deepEqual(order, ['granted', 'appended'])
})

test('many grants share the head: two that wait for each other both end', REPLICAS_ONLY, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const one = await openStorage(t, { target })
  const other = await openStorage(t, { target })
  await append(one, 'x')
  const first = Promise.withResolvers<number>()
  const second = Promise.withResolvers<number>()
  const heads = await Promise.all([
    one.transaction(async (tx) => {
      first.resolve((await one.revisions.holdHead(tx)).revision)
      return second.promise
    }),
    other.transaction(async (tx) => {
      second.resolve((await other.revisions.holdHead(tx)).revision)
      return first.promise
    }),
  ])
  assert.deepEqual(heads, [1, 1])
})

test(
  'a head that was waited for is the one after the wait, also where the database prefers repeatable reads',
  REPLICAS_ONLY,
  async (t) => {
    const target = await createTestTarget(t, { empty: true })
    const migrating = await openStorage(t, { target })
    if (!('postgres' in target)) return
    const url = new URL(target.postgres.url)
    url.searchParams.set('options', '-c default_transaction_isolation=repeatable\\ read')
    const other = await openStorage(t, { target: { postgres: { url: url.href } } })
    let holding: Promise<number> = Promise.resolve(0)
    await migrating.transaction(async (tx) => {
      await migrating.revisions.append(tx, { kind: 'policy', target: 'x', detail: null })
      holding = other.transaction(async (inner) => (await other.revisions.holdHead(inner)).revision)
      await sql`select pg_sleep(0.2)`.execute(tx)
    })
    assert.equal(await holding, 1)
  },
)

test('a transaction that rolls back holds nothing and leaves no head', async (t) => {
  const database = await openStorage(t)
  await assert.rejects(
    database.transaction(async (tx) => {
      await database.revisions.holdHead(tx)
      throw new Error('no')
    }),
  )
  assert.equal(await append(database, 'x'), 1)
})

test('the tag names the history: another row under the same number has another tag', async (t) => {
  const [one, other] = [await openStorage(t), await openStorage(t)]
  await append(one, 'x')
  await append(other, 'y')
  const tags = await Promise.all([one.revisions.tagOf(1), other.revisions.tagOf(1)])
  assert.notEqual(tags[0], tags[1])
  assert.match(tags[0] ?? '', /^[A-Za-z0-9_-]{16}$/)
  const held = await one.transaction((tx) => one.revisions.holdHead(tx))
  assert.deepEqual(held, { revision: 1, tag: tags[0] })
  assert.equal(await one.revisions.tagOf(2), undefined)
})

test('the beginning of every history is revision 0 with an empty tag', async (t) => {
  const database = await openStorage(t)
  assert.deepEqual(await database.transaction((tx) => database.revisions.holdHead(tx)), { revision: 0, tag: '' })
  assert.equal(await database.revisions.tagOf(0), '')
  assert.equal(await database.revisions.newest(), 0)
})

test('time is the database’s on PostgreSQL, and goes on within a transaction; embedded it is the injected clock', async (t) => {
  const fixed = new Date('2026-01-02T03:04:05.678Z')
  const database = await openStorage(t, { now: () => fixed })
  const [before, after] = await database.transaction(async (tx) => {
    const first = await database.time(tx)
    if (TEST_ENGINE === 'postgres') await sql`select pg_sleep(0.02)`.execute(tx)
    return [first, await database.time(tx)]
  })
  if (TEST_ENGINE === 'embedded') assert.deepEqual([before, after], [fixed, fixed])
  else assert.equal(before !== undefined && after !== undefined && before < after && before > fixed, true)
})

test(
  'invariant 7: a replica that freezes in the middle of a grant loses it, and revocations go on',
  REPLICAS_ONLY,
  async (t) => {
    const target = await createTestTarget(t, { empty: true })
    const frozen = await openStorage(t, { target })
    const other = await openStorage(t, { target })
    const granting = frozen.transaction(async (tx) => {
      await frozen.revisions.holdHead(tx)
      // Nothing is said to the database until the append, which waits for this transaction, is through.
      assert.equal(await append(other, 'x'), 1)
    })
    await assert.rejects(granting, { code: 'store_unavailable' })
    assert.equal(await grant(frozen, 'later'), 1)
  },
)
