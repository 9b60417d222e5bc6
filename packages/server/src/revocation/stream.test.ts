import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { createRevocationStreams, type StreamLimits } from './stream.ts'
import { openReplicas } from './verifiers.fixture.ts'

type Replica = Awaited<ReturnType<typeof openReplicas>>['one']

const REVOKE = { kind: 'subject', reason: 'test', actor: 'local-socket' } as const

function streamsOf({ database, feed }: Replica, limits?: StreamLimits) {
  return createRevocationStreams({ database, feed, ...(limits ? { limits } : {}) })
}

function isRefusedWith(code: string) {
  return (error: unknown) => error instanceof ServiceError && error.code === code
}

test('a stream says what comes after its position, once, and goes on where another one broke off', async (t) => {
  const { one, other } = await openReplicas(t)
  const streams = streamsOf(one)
  t.after(() => streams.close())
  await other.revoke.revoke({ ...REVOKE, value: 'a' })
  const stream = streams.open({ holder: 'wl_1', after: 0 })
  const first = await stream.next()
  assert.deepEqual(
    first?.entries.map(({ value }) => value),
    ['a'],
  )
  const waiting = stream.next()
  await other.revoke.revoke({ ...REVOKE, value: 'b' })
  const second = await waiting
  assert.deepEqual([second?.after, second?.through], [1, 2])
  assert.deepEqual(
    second?.entries.map(({ value }) => value),
    ['b'],
  )
  stream.close()
  await other.revoke.revoke({ ...REVOKE, value: 'c' })
  const resumed = streams.open({ holder: 'wl_1', after: second?.through ?? 0 })
  assert.deepEqual(
    (await resumed.next())?.entries.map(({ value }) => value),
    ['c'],
  )
})

test('100 revocations in quick succession reach every stream, in order and without a gap', async (t) => {
  const { one, other } = await openReplicas(t)
  const streams = streamsOf(one)
  t.after(() => streams.close())
  const read = async () => {
    const stream = streams.open({ holder: 'wl_1', after: 0 })
    const values: string[] = []
    for (let position = 0; values.length < 100; ) {
      const page = await stream.next()
      assert.equal(page?.after, position)
      position = page?.through ?? 0
      values.push(...(page?.entries ?? []).map(({ value }) => value))
    }
    return values
  }
  const readers = Array.from({ length: 20 }, read)
  for (let count = 0; count < 100; count += 1) {
    await (count % 2 === 0 ? one : other).revoke.revoke({ ...REVOKE, value: `s-${count}` })
  }
  const expected = Array.from({ length: 100 }, (_, count) => `s-${count}`)
  for (const values of await Promise.all(readers)) assert.deepEqual(values, expected)
})

test('a position of another history is answered with everything that this one holds', async (t) => {
  const { one } = await openReplicas(t)
  const streams = streamsOf(one)
  t.after(() => streams.close())
  await one.revoke.revoke({ ...REVOKE, value: 'a' })
  const stream = streams.open({ holder: 'wl_1', after: 4_711 })
  assert.deepEqual(
    (await stream.next())?.entries.map(({ value }) => value),
    ['a'],
  )
})

test('a holder has so many streams and no more, and there are so many in all', async (t) => {
  const { one } = await openReplicas(t)
  const streams = streamsOf(one, { perHolder: 2, inAll: 3 })
  t.after(() => streams.close())
  const open = (holder: string) => streams.open({ holder, after: 0 })
  const first = open('wl_1')
  open('wl_1')
  assert.throws(() => open('wl_1'), isRefusedWith('too_many_verifiers'))
  open('wl_2')
  assert.throws(() => open('wl_3'), isRefusedWith('overloaded'))
  first.close()
  first.close()
  open('wl_1')
  assert.throws(() => open('wl_1'), isRefusedWith('overloaded'))
})

test('a graceful stop ends every stream at once and opens no more', async (t) => {
  const { one } = await openReplicas(t)
  const streams = streamsOf(one)
  const waiting = Array.from({ length: 10 }, (_, index) => streams.open({ holder: `wl_${index}`, after: 0 }).next())
  streams.close()
  assert.deepEqual(
    await Promise.all(waiting),
    Array.from({ length: 10 }, () => undefined),
  )
  assert.throws(() => streams.open({ holder: 'wl_1', after: 0 }), isRefusedWith('overloaded'))
})

test('a stream whose database fails rejects, and says nothing that is not so', async (t) => {
  const { one } = await openReplicas(t)
  const streams = streamsOf({ ...one, feed: { page: () => Promise.reject(new ServiceError('store_unavailable')) } })
  t.after(() => streams.close())
  await assert.rejects(streams.open({ holder: 'wl_1', after: 0 }).next(), isRefusedWith('store_unavailable'))
})
