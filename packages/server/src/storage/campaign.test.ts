import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestTarget, TEST_ENGINE } from '../../../../test/support/database.ts'
import { openStorage, type StorageTestTables } from '../../../../test/support/storage.ts'
import { ServiceError } from '../errors.ts'
import type { Database, Leader } from './index.ts'

type TestLeader = Leader<StorageTestTables>

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
}

/** Campaigns, and hands out each leadership that is won. */
function campaign(database: Database<StorageTestTables>, holder: string) {
  const won: TestLeader[] = []
  let next = Promise.withResolvers<TestLeader>()
  const stop = database.campaign(holder, async (leader) => {
    won.push(leader)
    next.resolve(leader)
    next = Promise.withResolvers()
    await untilAborted(leader.signal)
  })
  return { won, stop, first: next.promise, next: () => next.promise }
}

const insert = (leader: TestLeader, id: string) =>
  leader.transaction((tx) => tx.insertInto('notes').values({ id, body: 'text', size: null, data: null }).execute())

const isDeposed = (error: unknown): boolean => error instanceof ServiceError && error.code === 'conflict'

/** What a successor does first; here without waiting for the lock, as after a lock that was lost unnoticed. */
const depose = (database: Database<StorageTestTables>) =>
  database.transaction((tx) =>
    tx
      .updateTable('leadership')
      .set((of) => ({ epoch: of('epoch', '+', 1), holder: 'successor' }))
      .execute(),
  )

test('the transaction of a deposed leader fails and leaves nothing', async (t) => {
  const database = await openStorage(t)
  const { first } = campaign(database, 'one')
  const leader = await first
  await insert(leader, 'before')
  await depose(database)
  await assert.rejects(insert(leader, 'after'), isDeposed)
  const rows = await database.read.selectFrom('notes').select('id').execute()
  assert.deepEqual(rows, [{ id: 'before' }])
})

test('a deposed leader steps down, and leads again only under a newer epoch', async (t) => {
  const database = await openStorage(t)
  const { first, next } = campaign(database, 'one')
  const leader = await first
  await depose(database)
  const again = next()
  await assert.rejects(insert(leader, 'after'), isDeposed)
  assert.equal(leader.signal.aborted, true)
  const newer = await again
  assert.equal(newer.epoch > leader.epoch + 1, true)
  await insert(newer, 'newer')
})

test('a leader whose campaign has stopped writes nothing more', async (t) => {
  const database = await openStorage(t)
  const { first, stop } = campaign(database, 'one')
  const leader = await first
  await stop()
  assert.equal(leader.signal.aborted, true)
  await assert.rejects(insert(leader, 'late'), isDeposed)
})

test('a second campaign of one database is refused: two would share one lock', async (t) => {
  const database = await openStorage(t)
  const { first } = campaign(database, 'one')
  await first
  assert.throws(() => campaign(database, 'two'), TypeError)
})

test('a lead that throws is reported, and leadership is campaigned for again', async (t) => {
  const errors: string[] = []
  const logger = { warn: () => undefined, error: (_: unknown, message: string) => void errors.push(message) }
  const database = await openStorage(t, { logger })
  const again = Promise.withResolvers<number>()
  let calls = 0
  database.campaign('one', async ({ epoch, signal }) => {
    calls += 1
    if (calls === 1) throw new Error('broken job')
    again.resolve(epoch)
    await untilAborted(signal)
  })
  assert.equal(await again.promise, 2)
  assert.equal(errors.length, 1)
})

test('close ends a campaign and waits for its leader', async (t) => {
  const database = await openStorage(t)
  let left = false
  const leading = Promise.withResolvers<void>()
  database.campaign('one', async ({ signal }) => {
    leading.resolve()
    await untilAborted(signal)
    left = true
  })
  await leading.promise
  await database.close()
  assert.equal(left, true)
})

test('of two replicas one leads; the other takes over with a newer epoch', {
  skip: TEST_ENGINE === 'embedded' && 'one process only',
}, async (t) => {
  const target = await createTestTarget(t, { empty: true })
  const one = await openStorage(t, { target })
  const other = await openStorage(t, { target })
  const first = campaign(one, 'one')
  const leader = await first.first
  const second = campaign(other, 'other')
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal(second.won.length, 0)
  await one.close()
  const successor = await second.first
  assert.equal(successor.epoch, leader.epoch + 1)
  await insert(successor, 'by the successor')
})
