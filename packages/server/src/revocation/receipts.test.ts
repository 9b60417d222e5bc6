import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { createTestSigner, createUnfencedLeader, tamper } from '../../../../test/support/audit.ts'
import { createTestTarget } from '../../../../test/support/database.ts'
import {
  createEventLog,
  createLogProofs,
  createSealer,
  decodeEvent,
  type ReceiptFacts,
  type ReceiptFollower,
  receiptKeyName,
  verifyReceipt,
} from '../audit/index.ts'
import { newId, systemNow } from '../lib/index.ts'
import { MIGRATIONS, type Tables } from '../schema/index.ts'
import { openDatabase } from '../storage/index.ts'
import { endLease } from './lease-store.ts'
import type { ReceiptDocument } from './receipt-document.ts'
import { insertReceipt } from './receipt-store.ts'
import { createReceipts, type ReceiptsDeps } from './receipts.ts'
import { leaseRequest, newInstance, ORDERS, replicaOf } from './verifiers.fixture.ts'

const ORIGIN = 'log.example/v1/audit'
const T0 = Date.UTC(2027, 0, 1)

/** A world with one log, any number of processes over it, and a database clock that the test owns. */
async function openWorld(t: TestContext) {
  const target = await createTestTarget(t)
  const logKey = createTestSigner(ORIGIN)
  const receiptKey = createTestSigner(receiptKeyName(ORIGIN))
  const keys = [logKey.verifierKey, receiptKey.verifierKey]
  const clock = { ms: T0 }
  const failures: unknown[] = []
  const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
  t.after(() => database.close())
  const eventLog = createEventLog({ database, now: systemNow })
  const sealer = createSealer({
    ...{ database, origin: ORIGIN, now: systemNow, gatherMs: 0, intervalMs: 20 },
    signer: () => logKey,
    onAlarm: () => {},
  })
  const process = (change: Partial<ReceiptsDeps> = {}) => {
    const receipts = createReceipts({
      ...{ eventLog, sealer, origin: ORIGIN, now: systemNow },
      database: { ...database, time: async () => new Date(clock.ms) },
      proofs: createLogProofs({ database }),
      signer: () => receiptKey,
      verifierKeys: () => keys,
      onFailure: (error) => failures.push(error),
      ...change,
    })
    t.after(() => receipts.close())
    return receipts
  }
  /** Seals what is pending, as the leader of this moment. */
  const seal = async () => {
    const leader = createUnfencedLeader(database)
    const leading = sealer.lead(leader)
    assert.equal(await sealer.sealNow(), true)
    leader.end()
    await leading
  }
  return { target, database, eventLog, sealer, clock, failures, process, seal, keys, logKey, receiptKey }
}

type World = Awaited<ReturnType<typeof openWorld>>

const follower = (index: number, leaseMs = 30_000): ReceiptFollower => ({
  id: `wl_1/${String(index).padStart(22, '0')}`,
  workloadId: 'wl_1',
  service: 'svc_orders',
  leaseUntil: new Date(T0 + leaseMs),
  confirmedAt: undefined,
})

async function revoke(
  { database, clock }: World,
  followers: readonly ReceiptFollower[],
  change: Partial<ReceiptFacts> = {},
): Promise<string> {
  const id = newId('rcpt', new Date())
  await database.transaction(async (tx) => {
    const revision = await database.revisions.append(tx, { kind: 'revocation', target: 'pol_1', detail: null })
    await insertReceipt(tx, {
      ...{ id, kind: 'policy', value: 'pol_1', revision, reason: 'test', actor: 'local-socket', finalAt: undefined },
      ...{ committedAt: new Date(clock.ms), effectiveEverywhereAt: new Date(0), followers },
      eventId: newId('evt', new Date()),
      services: [
        {
          ...{ id: 'svc_orders', name: 'orders', followers: followers.length, why: 'followers' },
          mayAcceptUntil: new Date(T0 + 30_000),
        },
      ],
      ...change,
    })
  })
  return id
}

/** Writes what a grant stores: the follower has applied the head. */
async function confirm({ database, clock }: World, { id }: ReceiptFollower, applied?: number): Promise<void> {
  const [workload_id = '', instance = ''] = id.split('/')
  const at = { applied: applied ?? (await database.revisions.refresh()), applied_at: clock.ms, granted_at: clock.ms }
  const lease = { ...at, lease_until: clock.ms + 30_000, ended_at: null }
  await database.transaction((tx) =>
    tx
      .insertInto('verifier_leases')
      .values({ follower_id: id, workload_id, instance, service_id: 'svc_orders', on_unavailable: 'deny', ...lease })
      .onConflict((conflict) => conflict.column('follower_id').doUpdateSet(lease))
      .execute(),
  )
}

const check = (world: World, receipt: unknown) =>
  verifyReceipt({ receipt: Buffer.from(JSON.stringify(receipt)), trustedKeys: world.keys })

interface ShownFollower {
  readonly id: string
  readonly confirmed_at: string | null
}

const followersOf = (receipt: ReceiptDocument | undefined) =>
  (receipt ? receipt['followers'] : []) as unknown as readonly ShownFollower[]

const boundsOf = (receipt: ReceiptDocument | undefined) =>
  ((receipt ? receipt['services'] : []) as unknown as readonly { may_accept_until: string | null }[]).map(
    (service) => service.may_accept_until,
  )

const events = async (world: World) => (await world.eventLog.list({ limit: 100, kind: 'revocation.confirmed' })).items

describe('a receipt stays pending', () => {
  it('while one live follower has not confirmed, whatever the others did, and says for whom it waits', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const id = await revoke(world, [follower(1), follower(2)])
    const revision = (await world.database.revisions.refresh()) - 1
    await confirm(world, follower(1), revision + 1)
    await confirm(world, follower(2), revision)
    assert.equal(await receipts.finaliseDue(), 0)
    await world.seal()
    const receipt = await receipts.waitFor(id, 150)
    assert.deepEqual([receipt?.state, receipt?.['waiting_for'], receipt?.['final_at']], ['pending', 'followers', null])
    assert.deepEqual([receipt?.['note'], receipt?.['proof']], [null, null])
    assert.deepEqual(
      followersOf(receipt).map((one) => one.confirmed_at !== null),
      [true, false],
    )
    assert.equal((await events(world)).length, 0)
    assert.equal(check(world, receipt).ok, false)
  })

  it('at the very end of a lease; one millisecond later it can be final', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const id = await revoke(world, [follower(1)])
    world.clock.ms = T0 + 30_000
    await receipts.finaliseDue()
    assert.equal((await events(world)).length, 0)
    world.clock.ms += 1
    await receipts.finaliseDue()
    await world.seal()
    assert.equal(await receipts.finaliseDue(), 1)
    const receipt = await receipts.get(id)
    assert.equal(receipt?.state, 'final')
    assert.deepEqual(followersOf(receipt)[0]?.confirmed_at, null)
    assert.equal(receipt?.['effective_everywhere_at'], new Date(T0 + 30_000).toISOString())
    assert.equal(check(world, receipt).ok, true)
  })

  it('while the log is not sealed, and says so; also when the log refuses to be sealed', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const id = await revoke(world, [])
    assert.equal(await receipts.finaliseDue(), 0)
    assert.deepEqual(
      [(await receipts.get(id))?.state, (await receipts.get(id))?.['waiting_for']],
      ['pending', 'sealing'],
    )
    const refusing = world.process({
      sealer: { state: () => 'refusing', sealNow: () => world.sealer.sealNow({ timeoutMs: 0 }) },
    })
    assert.equal((await refusing.waitFor(id, 120))?.['waiting_for'], 'log_refused')
    assert.equal(world.failures.length, 0)
  })

  it('A-06: when what is stored is not what was sealed, and the reason is reported once', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const id = await revoke(world, [follower(1)])
    const other = await revoke(world, [])
    await confirm(world, follower(1))
    await receipts.finaliseDue()
    await world.seal()
    await tamper(world.target, 'receipts', [['UPDATE receipts SET value = ? WHERE id = ?', 'pol_2', id]])
    assert.equal(await receipts.finaliseDue(), 1, 'the other one is not held up')
    assert.equal(await receipts.finaliseDue(), 0)
    assert.equal((await receipts.get(id))?.state, 'pending')
    assert.equal((await receipts.get(other))?.state, 'final')
    assert.equal(world.failures.length, 1)
    assert.match(String((world.failures[0] as { internal: string }).internal), /note_facts/)
  })

  it('G-05: when the key at hand is not the receipt key of this log', async (t) => {
    const world = await openWorld(t)
    const id = await revoke(world, [])
    await world.process().finaliseDue()
    await world.seal()
    for (const signer of [world.logKey, createTestSigner(receiptKeyName(ORIGIN))]) {
      assert.equal(await world.process({ signer: () => signer }).finaliseDue(), 0)
    }
    assert.equal(world.failures.length, 2)
    assert.equal(await world.process().finaliseDue(), 1)
    assert.equal(check(world, await world.process().get(id)).ok, true)
  })
})

describe('a receipt becomes final', () => {
  it('when a follower has ended its lease itself, with that as its end', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    await confirm(world, follower(1), 0)
    const id = await revoke(world, [follower(1)])
    await world.database.transaction((tx) => endLease(tx, follower(1).id, new Date(T0 + 700)))
    world.clock.ms = T0 + 700
    await receipts.finaliseDue()
    assert.equal((await receipts.get(id))?.state, 'pending', 'the millisecond in which it ended is not over')
    world.clock.ms += 1
    await receipts.finaliseDue()
    await world.seal()
    assert.equal(await receipts.finaliseDue(), 1)
    const receipt = await receipts.get(id)
    assert.equal(receipt?.['effective_everywhere_at'], new Date(T0 + 700).toISOString())
    assert.equal(check(world, receipt).ok, true)
  })

  it('once, however many processes try at the same time, with one event that holds its facts', async (t) => {
    const world = await openWorld(t)
    const processes = [world.process(), world.process(), world.process(), world.process()]
    const ids = await Promise.all(Array.from({ length: 5 }, (_, index) => revoke(world, [follower(index)])))
    for (let index = 0; index < 5; index += 1) await confirm(world, follower(index))
    await Promise.all(processes.map((one) => one.finaliseDue()))
    await world.seal()
    const completed = await Promise.all(processes.map((one) => one.finaliseDue()))
    assert.equal(
      completed.reduce((sum, count) => sum + count, 0),
      5,
    )
    assert.equal((await events(world)).length, 5)
    for (const id of ids) {
      const shown = await Promise.all(processes.map((one) => one.get(id)))
      assert.equal(check(world, shown[0]).ok, true)
      for (const one of shown) assert.deepEqual(one, shown[0])
    }
    assert.deepEqual(world.failures, [])
  })

  it('invariant 9: by another process when the first ended between two steps', async (t) => {
    const world = await openWorld(t)
    const id = await revoke(world, [follower(1)])
    await confirm(world, follower(1))
    // Killed before the event, after it, and after the seal: nothing of it is in memory.
    const first = world.process({ eventLog: { append: () => Promise.reject(new Error('killed')) } })
    assert.equal(await first.finaliseDue(), 0)
    assert.equal((await events(world)).length, 0, 'no event without its facts')
    assert.equal(await world.process().finaliseDue(), 0)
    assert.equal((await events(world)).length, 1)
    const killed = world.process({
      signer: () => {
        throw new Error('killed')
      },
    })
    await world.seal()
    assert.equal(await killed.finaliseDue(), 0)
    assert.equal(await world.process().finaliseDue(), 1)
    assert.equal((await events(world)).length, 1)
    assert.equal(check(world, await world.process().get(id)).ok, true)
  })

  it('and never changes afterwards, whatever its followers do and however the log grows', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const id = await revoke(world, [follower(1), follower(2, 10)])
    world.clock.ms = T0 + 5_000
    await confirm(world, follower(1))
    await receipts.finaliseDue()
    await confirm(world, follower(2))
    await world.seal()
    await receipts.finaliseDue()
    const before = await receipts.get(id)
    world.clock.ms += 100_000
    await confirm(world, follower(1))
    await revoke(world, [])
    await receipts.finaliseDue()
    await world.seal()
    await receipts.finaliseDue()
    assert.deepEqual(await receipts.get(id), before)
    assert.equal(check(world, before).ok, true)
    assert.deepEqual(
      followersOf(before).map((one) => one.confirmed_at),
      [new Date(T0 + 5_000).toISOString(), null],
      'who confirmed after the facts were final is not in them',
    )
  })

  it('with the earlier of confirmation and end of lease as the bound of a service that follows', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const id = await revoke(world, [follower(1, 1_000), follower(2)], {
      services: [
        { id: 'svc_orders', name: 'orders', followers: 2, mayAcceptUntil: new Date(T0 + 30_000), why: 'followers' },
        { id: 'svc_open', name: 'open', followers: 1, mayAcceptUntil: new Date(T0 + 900_000), why: 'last_known_good' },
      ],
    })
    world.clock.ms = T0 + 2_000
    await confirm(world, follower(2))
    world.clock.ms = T0 + 20_000
    await confirm(world, follower(1))
    await receipts.finaliseDue()
    await world.seal()
    await receipts.finaliseDue()
    const receipt = await receipts.get(id)
    assert.deepEqual(boundsOf(receipt), [new Date(T0 + 2_000).toISOString(), new Date(T0 + 900_000).toISOString()])
    assert.equal(receipt?.['effective_everywhere_at'], new Date(T0 + 900_000).toISOString())
    assert.equal(check(world, receipt).ok, true)
  })

  it('with five hundred followers, whose list the event holds as a hash', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const followers = Array.from({ length: 500 }, (_, index) => follower(index, 1))
    const id = await revoke(world, followers)
    await confirm(world, follower(3))
    world.clock.ms += 1_000
    await receipts.finaliseDue()
    await world.seal()
    assert.equal(await receipts.finaliseDue(), 1)
    const receipt = await receipts.get(id)
    assert.equal(followersOf(receipt).length, 500)
    assert.equal(check(world, receipt).ok, true)
    const [event] = await events(world)
    const { receipt: facts } = decodeEvent(event?.body ?? new Uint8Array()).data as { receipt: { followers: object } }
    assert.deepEqual({ ...facts.followers, sha256: '' }, { count: 500, confirmed: 1, sha256: '' })
  })

  it('without any follower as soon as it is sealed, and for an actor and a reason of any text', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const id = await revoke(world, [], { reason: '\u202e"\\\u0007 – é', value: 'countersign://x/workload/é' })
    await receipts.finaliseDue()
    await world.seal()
    assert.equal(await receipts.finaliseDue(), 1)
    assert.equal(check(world, await receipts.get(id)).ok, true)
  })
})

describe('with real leases and revocations', () => {
  it('invariant 7: final only when each verifier has asked for a lease at the revision of the revocation, on any replica', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process({ database: world.database })
    const { leases, revoke: revocation, database } = replicaOf(world.database)
    const verifiers = [newInstance(), newInstance()]
    const ask = async (instance: string) => {
      const applied = await database.revisions.refresh()
      return leases.grant(leaseRequest({ instance, applied, tag: (await database.revisions.tagOf(applied)) ?? '' }))
    }
    for (const instance of verifiers) assert.equal((await ask(instance)).granted, true)
    const { receiptId } = await revocation.revoke({
      ...{ kind: 'policy', value: 'pol_deploy', reason: 'test', actor: 'local-socket' },
    })
    const pending = await receipts.get(receiptId)
    assert.equal(followersOf(pending).length, 2)
    for (const instance of verifiers) {
      assert.equal(await receipts.finaliseDue(), 0)
      assert.equal((await events(world)).length, 0, 'one that has not confirmed keeps it pending')
      assert.equal((await ask(instance)).granted, true)
    }
    // A verifier that begins to follow after the revocation is none of its business.
    await ask(newInstance())
    await receipts.finaliseDue()
    await world.seal()
    assert.equal(await receipts.finaliseDue(), 1)
    const receipt = await receipts.get(receiptId)
    assert.equal(check(world, receipt).ok, true)
    const confirmedAt = followersOf(receipt).map((one) => one.confirmed_at ?? '')
    assert.equal(boundsOf(receipt)[0], confirmedAt.toSorted().at(-1))
    assert.equal(receipt?.['effective_everywhere_at'], confirmedAt.toSorted().at(-1))
    assert.ok(Date.parse(confirmedAt[0] ?? '') >= Date.parse(String(receipt?.['committed_at'])))
  })

  it('a verifier that ends gracefully does not hold it up, nor does one of a service that is not concerned', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process({ database: world.database })
    const { leases, revoke: revocation, database } = replicaOf(world.database)
    const instance = newInstance()
    const stock = { ...ORDERS, id: 'svc_stock', name: 'stock-api' }
    const applied = await database.revisions.refresh()
    const tag = (await database.revisions.tagOf(applied)) ?? ''
    await leases.grant(leaseRequest({ instance, applied, tag }))
    await leases.grant(leaseRequest({ instance: newInstance(), service: stock, applied, tag }))
    const { receiptId } = await revocation.revoke({
      ...{ kind: 'service', value: 'svc_orders', reason: 'test', actor: 'local-socket' },
    })
    await leases.end({ workloadId: 'wl_orders', instance })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await receipts.finaliseDue()
    await world.seal()
    assert.equal(await receipts.finaliseDue(), 1)
    const receipt = await receipts.get(receiptId)
    assert.deepEqual(
      followersOf(receipt).map(({ id }) => id),
      [`wl_orders/${instance}`],
    )
    assert.equal(followersOf(receipt)[0]?.confirmed_at, null)
    assert.ok(Date.parse(boundsOf(receipt)[0] ?? '') < Date.parse(String(receipt?.['final_at'])))
    assert.equal(check(world, receipt).ok, true)
  })
})

describe('waiting for a receipt', () => {
  it('ends when it is final, woken by a confirmation, and with a log that seals', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    const leader = createUnfencedLeader(world.database)
    const leading = world.sealer.lead(leader)
    t.after(async () => {
      leader.end()
      await leading
    })
    const id = await revoke(world, [follower(1)])
    const waiting = receipts.waitFor(id, 60_000)
    await confirm(world, follower(1))
    receipts.wake()
    const receipt = await waiting
    assert.equal(receipt?.state, 'final')
    assert.equal(check(world, receipt).ok, true)
  })

  it('ends at its bound, at once for what is final or unknown, and when the process stops', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    assert.equal(await receipts.waitFor('rcpt_unknown', 60_000), undefined)
    const id = await revoke(world, [follower(1)])
    assert.equal((await receipts.waitFor(id, 0))?.state, 'pending')
    assert.equal((await receipts.waitFor(id, 30))?.state, 'pending')
    const waiting = receipts.waitFor(id, 60_000)
    receipts.close()
    assert.equal((await waiting)?.state, 'pending')
  })
})

describe('receipts as a list', () => {
  it('newest first, page by page, by state', async (t) => {
    const world = await openWorld(t)
    const receipts = world.process()
    assert.deepEqual(await receipts.list({ limit: 10 }), { items: [], next: null })
    const ids: string[] = []
    for (let index = 0; index < 5; index += 1) {
      ids.unshift(await revoke(world, index === 2 ? [] : [follower(index)]))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await receipts.finaliseDue()
    await world.seal()
    await receipts.finaliseDue()
    const first = await receipts.list({ limit: 3 })
    const second = await receipts.list({ limit: 3, after: first.next ?? '' })
    assert.deepEqual(
      [...first.items, ...second.items].map((item) => item.id),
      ids,
    )
    assert.equal(second.next, null)
    const final = await receipts.list({ limit: 10, state: 'final' })
    assert.deepEqual(
      final.items.map((item) => item.id),
      [ids[2]],
    )
    assert.equal((await receipts.list({ limit: 10, state: 'pending' })).items.length, 4)
    assert.equal((await receipts.list({ limit: 1_000_000 })).items.length, 5)
  })
})
