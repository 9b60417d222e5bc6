import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TEST_ENGINE } from '../../../../test/support/database.ts'
import { ServiceError } from '../errors.ts'
import { selectOutstandingLeases } from './lease-store.ts'
import { followerId } from './leases.ts'
import { leaseRequest, newInstance, ORDERS, openReplicas } from './verifiers.fixture.ts'

type Replica = Awaited<ReturnType<typeof openReplicas>>['one']

const REVOKE = { kind: 'subject', reason: 'test', actor: 'local-socket' } as const

/** The position of a verifier that has read everything. */
async function current({ feed }: Replica): Promise<{ applied: number; tag: string }> {
  const { through, tag } = await feed.page({ after: Number.MAX_SAFE_INTEGER })
  return { applied: through, tag }
}

async function outstanding({ database }: Replica) {
  return selectOutstandingLeases(database.read, new Date(0))
}

function isRefusedWith(code: string) {
  return (error: unknown) => error instanceof ServiceError && error.code === code
}

test('R-10, invariant 7: a grant and a revocation started together, 200 times: the lease is in the receipt or it was refused', async (t) => {
  const { one, other } = await openReplicas(t)
  const seen = { granted: 0, refused: 0 }
  for (let round = 0; round < 200; round += 1) {
    const request = leaseRequest(await current(one))
    const prepared = await other.revoke.prepare({ ...REVOKE, value: `subject-${round}` })
    const starts = {
      grant: () => one.leases.grant(request),
      revoke: () => other.database.transaction((tx) => other.revoke.commit(tx, prepared)),
    }
    // Either may come to the lock first.
    const first = round % 2 === 0 ? starts.grant() : undefined
    const revoking = starts.revoke()
    const [answer, { receiptId, revision }] = await Promise.all([first ?? starts.grant(), revoking])
    const followers = await one.database.read
      .selectFrom('receipt_followers')
      .select('follower_id')
      .where('receipt_id', '=', receiptId)
      .execute()
    const id = followerId(request.workloadId, request.instance)
    const isIn = followers.some((follower) => follower.follower_id === id)
    assert.equal(isIn, answer.granted, `round ${round}`)
    if (!answer.granted && answer.reason === 'behind') {
      assert.equal(answer.feed.through >= revision, true, 'what it is behind of is in the answer')
      assert.equal(answer.feed.entries.at(-1)?.value, `subject-${round}`)
    }
    assert.equal(answer.granted || answer.reason === 'behind', true)
    seen[answer.granted ? 'granted' : 'refused'] += 1
  }
  assert.equal(seen.granted > 0 && seen.refused > 0, true, JSON.stringify(seen))
})

test('a verifier that has not applied the head gets no lease, but what it is behind of', async (t) => {
  const { one } = await openReplicas(t)
  const request = leaseRequest(await current(one))
  await one.revoke.revoke({ ...REVOKE, value: 'a' })
  const answer = await one.leases.grant(request)
  assert.equal(answer.granted, false)
  assert.equal(!answer.granted && answer.reason === 'behind' && answer.feed.entries[0]?.value, 'a')
  assert.deepEqual(await outstanding(one), [])
})

test('a replica whose revision reads stand still grants nothing that the head does not allow', async (t) => {
  const { one, other } = await openReplicas(t)
  const request = leaseRequest(await current(one))
  // It neither hears of revisions nor reads them: its memory is of before.
  const lagging = other.database.revisions.head().revision
  const blocked = Promise.withResolvers<void>()
  const release = other.database.revisions.subscribe(() => blocked.promise)
  const revoked = one.database.transaction(async (tx) =>
    one.revoke.commit(tx, await one.revoke.prepare({ ...REVOKE, value: 'a' })),
  )
  await revoked
  const answer = await other.leases.grant(request)
  assert.equal(other.database.revisions.head().revision, lagging, 'the replica lags')
  assert.equal(answer.granted, false)
  assert.equal(!answer.granted && answer.reason === 'behind' && answer.feed.entries[0]?.value, 'a')
  blocked.resolve()
  release()
})

test('R-13: a position of another history is told so, ahead or behind of the head, and gets no lease', async (t) => {
  const { one } = await openReplicas(t)
  await one.revoke.revoke({ ...REVOKE, value: 'a' })
  await one.revoke.revoke({ ...REVOKE, value: 'b' })
  const { applied } = await current(one)
  const positions = [
    { applied: applied + 1, tag: 'AAAAAAAAAAAAAAAA' },
    { applied: Number.MAX_SAFE_INTEGER, tag: 'AAAAAAAAAAAAAAAA' },
    { applied, tag: 'AAAAAAAAAAAAAAAA' },
    { applied, tag: '' },
    { applied: applied - 1, tag: 'AAAAAAAAAAAAAAAA' },
    { applied: 0, tag: 'AAAAAAAAAAAAAAAA' },
  ]
  for (const position of positions) {
    const answer = await one.leases.grant(leaseRequest(position))
    assert.deepEqual(answer, { granted: false, reason: 'history_changed' }, JSON.stringify(position))
  }
  assert.deepEqual(await outstanding(one), [])
})

test('one instance never holds leases for two services: the first would be lost to revocations', async (t) => {
  const { one } = await openReplicas(t)
  const instance = newInstance()
  const position = await current(one)
  const stock = { ...ORDERS, id: 'svc_stock', name: 'stock-api' }
  await one.leases.grant(leaseRequest({ instance, ...position }))
  await assert.rejects(
    one.leases.grant(leaseRequest({ instance, service: stock, ...position })),
    isRefusedWith('conflict'),
  )
  const together = newInstance()
  const outcomes = await Promise.allSettled([
    one.leases.grant(leaseRequest({ instance: together, service: stock, ...position })),
    one.leases.grant(leaseRequest({ instance: together, ...position })),
  ])
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1, 'in one batch as well')
  const [lease] = (await outstanding(one)).filter((row) => row.instance === instance)
  assert.equal(lease?.service_id, 'svc_orders')
})

test('a lease that is out is not shortened by a stricter one: its holder may not have heard of it', async (t) => {
  const { one } = await openReplicas(t)
  const request = leaseRequest(await current(one))
  await one.leases.grant(request)
  const [before] = await outstanding(one)
  const strict = { ...ORDERS, verification: { maxStaleSeconds: 5, onUnavailable: 'deny' as const } }
  const answer = await one.leases.grant({ ...request, service: strict })
  assert.equal(answer.granted && answer.maxStaleSeconds, 5)
  const [after] = await outstanding(one)
  assert.equal(after?.lease_until, before?.lease_until)
})

test('a lease is granted by the clock of the database, and `applied_at` is when the position was reached', async (t) => {
  const { one } = await openReplicas(t)
  const instance = newInstance()
  const before = await one.database.transaction((tx) => one.database.time(tx))
  const answer = await one.leases.grant(leaseRequest({ instance, ...(await current(one)) }))
  assert.deepEqual(answer, { granted: true, head: 0, maxStaleSeconds: 30, onUnavailable: 'deny' })
  const [first] = await outstanding(one)
  assert.equal((first?.lease_until ?? 0) - (first?.granted_at ?? 0), 30_000)
  assert.equal((first?.granted_at ?? 0) >= before.getTime(), true)
  await one.leases.grant(leaseRequest({ instance, ...(await current(one)) }))
  const [same] = await outstanding(one)
  assert.equal(same?.applied_at, first?.applied_at, 'renewed at the same position')
  await one.revoke.revoke({ ...REVOKE, value: 'a' })
  await one.leases.grant(leaseRequest({ instance, ...(await current(one)) }))
  const [moved] = await outstanding(one)
  assert.equal(moved?.applied, 1)
  assert.equal((moved?.applied_at ?? 0) >= (first?.applied_at ?? 0), true)
})

test('a lease that its holder has ended concerns no revocation; nobody ends that of another workload', async (t) => {
  const { one } = await openReplicas(t)
  const instance = newInstance()
  await one.leases.grant(leaseRequest({ instance, ...(await current(one)) }))
  await one.leases.end({ workloadId: 'wl_other', instance })
  assert.equal((await outstanding(one)).length, 1)
  await one.leases.end({ workloadId: 'wl_orders', instance })
  await one.leases.end({ workloadId: 'wl_orders', instance })
  assert.deepEqual(await outstanding(one), [])
})

test('what was accepted without a lease is an event, also where the lease is refused', async (t) => {
  const { one } = await openReplicas(t)
  const at = new Date('2026-11-24T09:00:00Z')
  const acceptedWithoutLease = { count: 17, firstAt: at, lastAt: new Date(at.getTime() + 5_000) }
  const request = leaseRequest({ acceptedWithoutLease, applied: 7, tag: 'AAAAAAAAAAAAAAAA' })
  assert.equal((await one.leases.grant(request)).granted, false)
  const { items } = await one.eventLog.list({ limit: 10, kind: 'verifier.accepted_without_lease' })
  assert.equal(items.length, 1)
  assert.deepEqual(items[0]?.data, {
    follower: followerId('wl_orders', request.instance),
    service: 'svc_orders',
    count: 17,
    first_at: '2026-11-24T09:00:00.000Z',
    last_at: '2026-11-24T09:00:05.000Z',
  })
  assert.equal(items[0]?.workloadId, 'wl_orders')
})

test('300 verifiers that ask at once share a few transactions, and each has its lease', async (t) => {
  const { one, other } = await openReplicas(t)
  const position = await current(one)
  let transactions = 0
  const { transaction } = one.database
  one.database.transaction = (work) => {
    transactions += 1
    return transaction(work)
  }
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, index) => (index % 3 === 0 ? other : one).leases.grant(leaseRequest(position))),
  )
  assert.equal(
    answers.every(({ granted }) => granted),
    true,
  )
  assert.equal((await outstanding(one)).length, 300)
  assert.equal(transactions < 20, true, `${transactions} transactions`)
})

test('a workload cannot hold more leases than a receipt can name', async (t) => {
  const { one } = await openReplicas(t)
  const position = await current(one)
  const many = await Promise.allSettled(Array.from({ length: 4_100 }, () => one.leases.grant(leaseRequest(position))))
  assert.equal(many.filter(({ status }) => status === 'rejected').length, 4)
  const [known] = await outstanding(one)
  assert.equal((await outstanding(one)).length, 4_096)
  const renewed = await one.leases.grant(leaseRequest({ ...position, instance: known?.instance ?? '' }))
  assert.equal(renewed.granted, true, 'whoever holds one keeps it')
  await assert.rejects(one.leases.grant(leaseRequest(position)), isRefusedWith('too_many_verifiers'))
  assert.equal((await one.leases.grant(leaseRequest({ ...position, workloadId: 'wl_stock' }))).granted, true)
})

test('old leases are removed by the leader, live ones are not', async (t) => {
  const { one } = await openReplicas(t)
  await one.leases.grant(leaseRequest(await current(one)))
  await one.leases.grant(leaseRequest(await current(one)))
  const [old] = await outstanding(one)
  await one.database.transaction((tx) =>
    tx
      .updateTable('verifier_leases')
      .set({ lease_until: Date.now() - 2 * 86_400_000 })
      .where('follower_id', '=', old?.follower_id ?? '')
      .execute(),
  )
  const removed = Promise.withResolvers<number>()
  const end = one.database.campaign('test', async (leader) => {
    removed.resolve(await one.leases.purge(leader))
    await new Promise((resolve) => leader.signal.addEventListener('abort', resolve))
  })
  assert.equal(await removed.promise, 1)
  await end()
  assert.equal((await outstanding(one)).length, 1)
})

test('a failed transaction grants nobody anything, and the next one works', {
  skip: TEST_ENGINE !== 'embedded' && 'one engine',
}, async (t) => {
  const { one } = await openReplicas(t)
  const position = await current(one)
  const { transaction } = one.database
  one.database.transaction = () => Promise.reject(new ServiceError('store_unavailable'))
  await assert.rejects(one.leases.grant(leaseRequest(position)), isRefusedWith('store_unavailable'))
  one.database.transaction = transaction
  assert.equal((await one.leases.grant(leaseRequest(position))).granted, true)
})
