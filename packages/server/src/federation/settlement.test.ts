import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openTestDatabase } from '../../../../test/support/database.ts'
import { createEventLog } from '../audit/index.ts'
import { newId } from '../lib/index.ts'
import { createRevocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database, Leader } from '../storage/index.ts'
import { openExchange } from './exchange.fixture.ts'
import { type Instance, startInstance } from './instance.ts'
import { createSettlement } from './settle.ts'
import { settleInstance, touchInstance } from './store.ts'

const LAPSE_MS = 30_000

async function open(scope: TestContext) {
  const clock = { wallMs: Date.UTC(2027, 0, 1), monotonicMs: 0 }
  const now = () => new Date(clock.wallMs)
  const database = await openTestDatabase(scope, { now })
  // Hearts beat only when the test says so, and never after its end.
  scope.mock.timers.enable({ apis: ['setInterval'] })
  const eventLog = createEventLog({ database, now })
  const revocations = await createRevocations({ database, now })
  scope.after(() => revocations.close())
  const settlement = createSettlement({ database, eventLog, revocations, now, monotonicMs: () => clock.monotonicMs })
  const leader = { transaction: (work: never) => database.transaction(work) } as unknown as Leader<Tables>
  const pass = (ms: number) => {
    clock.monotonicMs += ms
    clock.wallMs += ms
  }
  return {
    clock,
    database,
    now,
    pass,
    run: () => settlement.run(leader),
    /** What the leader does while it is awake: looks every 3 s. */
    async watch(ms: number) {
      let settled = 0
      for (let left = ms; left > 0; left -= 3_000) {
        pass(3_000)
        settled += await settlement.run(leader)
      }
      return settled
    },
  }
}

async function insertIssuance(database: Database<Tables>, bootId: string, jti: string): Promise<void> {
  const row = {
    jti,
    event_id: newId('evt', new Date()),
    boot_id: bootId,
    batch: 1,
    kid: 'kid',
    workload_id: 'wl_x',
    subject: 'countersign://sts.acme.example/workload/x',
    provider_id: 'tp_x',
    policy_id: 'pol_x',
    service_id: 'svc_x',
    scope: '',
    revision: 0,
    issued_at: 0,
    expires_at: Date.UTC(2027, 0, 2),
  }
  await database.transaction((tx) => tx.insertInto('issuances').values(row).execute())
}

/** An instance whose heartbeat is what the test makes it. */
function start(fixture: Awaited<ReturnType<typeof open>>, bootId: string): Promise<Instance> {
  const { database, now, clock } = fixture
  return startInstance({ database, bootId, now, monotonicMs: () => clock.monotonicMs, onFailure: assert.ifError })
}

const settledAt = async (database: Database<Tables>, bootId: string) =>
  (await database.read.selectFrom('instances').selectAll().where('boot_id', '=', bootId).executeTakeFirst())?.settled_at

test('an instance whose heartbeat stands still is settled: what it never confirmed is unsigned and revoked (G-06)', async (t) => {
  const fixture = await open(t)
  const { database } = fixture
  await start(fixture, 'boot_dead')
  await insertIssuance(database, 'boot_dead', 'jti_never')
  assert.equal(await fixture.watch(LAPSE_MS), 0)
  assert.equal(await fixture.watch(6_000), 1)
  const unsigned = await database.read.selectFrom('unsigned_issuances').select('jti').execute()
  assert.deepEqual(unsigned, [{ jti: 'jti_never' }])
  const revoked = await database.read.selectFrom('revocations').select(['kind', 'value']).execute()
  assert.deepEqual(revoked, [{ kind: 'jti', value: 'jti_never' }])
})

test('one that beats between the look and the settlement is left alone', async (t) => {
  const fixture = await open(t)
  const { database, now } = fixture
  await start(fixture, 'boot_late')
  const row = await database.read.selectFrom('instances').select('heartbeat_at').executeTakeFirstOrThrow()
  await database.transaction((tx) => touchInstance(tx, 'boot_late', now()))
  const heartbeat = row.heartbeat_at
  assert.equal(
    await database.transaction((tx) => settleInstance(tx, { bootId: 'boot_late', at: now(), heartbeat })),
    false,
  )
  assert.equal(await settledAt(database, 'boot_late'), null)
})

test('a leader that was paused settles nobody on the strength of its own pause', async (t) => {
  const fixture = await open(t)
  await start(fixture, 'boot_itself')
  await fixture.run()
  fixture.pass(600_000)
  assert.equal(await fixture.run(), 0)
})

test('an instance that comes back after it was settled has an account again, which is settled in its turn', async (t) => {
  const fixture = await open(t)
  const { database, now } = fixture
  await start(fixture, 'boot_back')
  await fixture.watch(LAPSE_MS + 6_000)
  assert.notEqual(await settledAt(database, 'boot_back'), null)
  await database.transaction((tx) => touchInstance(tx, 'boot_back', now()))
  assert.equal(await settledAt(database, 'boot_back'), null)
  await insertIssuance(database, 'boot_back', 'jti_second_life')
  assert.equal(await fixture.watch(LAPSE_MS + 6_000), 1)
  const unsigned = await database.read.selectFrom('unsigned_issuances').select('jti').execute()
  assert.deepEqual(unsigned, [{ jti: 'jti_second_life' }])
})

test('a permit ends with the heartbeat, by the monotonic clock or by the wall clock, whichever says so', async (t) => {
  const fixture = await open(t)
  const { clock } = fixture
  const instance = await start(fixture, 'boot_clocks')
  const permit = instance.permit()
  assert.equal(permit(), true)
  clock.monotonicMs += 12_000
  assert.equal(permit(), false, 'the monotonic clock')
  clock.monotonicMs -= 12_000
  // A machine that was suspended: CLOCK_MONOTONIC stood still.
  clock.wallMs += 12_000
  assert.equal(permit(), false, 'the wall clock')
  assert.equal(instance.maySign(), false)
})

test('a permit of before a lapse stays void when the heart beats again; a new one is good', async (t) => {
  const fixture = await open(t)
  const { clock, database, pass } = fixture
  const instance = await start(fixture, 'boot_paused')
  t.mock.timers.tick(1)
  const before = instance.permit()
  pass(60_000)
  t.mock.timers.tick(3_000)
  const beaten = () => database.read.selectFrom('instances').select('heartbeat_at').executeTakeFirstOrThrow()
  while ((await beaten()).heartbeat_at < clock.wallMs) await new Promise((resolve) => setImmediate(resolve))
  while (!instance.maySign()) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(before(), false)
  assert.equal(instance.permit()(), true)
})

test('a process that was stopped between commit and signature hands out nothing, though its heart beats again (SIGSTOP)', async (t) => {
  const { exchange, issuer, clock, database } = await openExchange(t)
  // Stopped while the commit was under way, and long enough to be settled; then a heartbeat comes before the answer is read.
  const pending = exchange(issuer.sign())
  clock.monotonicMs += 60_000
  const result = await pending
  assert.deepEqual([result.ok, result.ok ? '' : result.code], [false, 'store_unavailable'])
  const rows = await database.read.selectFrom('unsigned_issuances').select('jti').execute()
  assert.equal(rows.length, 1)
})
