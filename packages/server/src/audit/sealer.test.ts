import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import {
  appendSamples,
  createTestSigner,
  createUnfencedLeader,
  sampleEvent,
  tamper,
} from '../../../../test/support/audit.ts'
import { createTestTarget, openTestDatabase, TEST_ENGINE } from '../../../../test/support/database.ts'
import { ServiceError } from '../errors.ts'
import { systemNow } from '../lib/index.ts'
import { MIGRATIONS, type Tables } from '../schema/index.ts'
import { type Database, type DatabaseTarget, type Leader, openDatabase } from '../storage/index.ts'
import { signCheckpoint } from './checkpoint.ts'
import { createEventLog } from './event-log.ts'
import { exportLines } from './export.ts'
import { EMPTY_ROOT, hashLeaf } from './merkle.ts'
import type { CheckpointSigner } from './note.ts'
import { createSealer, type SealerAlarm, type SealerDependencies } from './sealer.ts'
import type { EventLog } from './types.ts'
import { type ExportExpectation, verifyExport } from './verify.ts'

const ORIGIN = 'log.example/audit'

async function openAgain(t: TestContext, target: DatabaseTarget): Promise<Database<Tables>> {
  const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
  t.after(() => database.close())
  return database
}

/** A sealer whose own pace is slow, so that a test decides when it seals. */
function createTestSealer(database: Database<Tables>, change: Partial<SealerDependencies> = {}) {
  const alarms: SealerAlarm[] = []
  const signer = createTestSigner(ORIGIN)
  const sealer = createSealer({
    database,
    signer: () => signer,
    origin: ORIGIN,
    now: systemNow,
    onAlarm: (alarm) => alarms.push(alarm),
    intervalMs: 60_000,
    ...change,
  })
  return { sealer, alarms, signer }
}

async function indexes(log: EventLog, count: number): Promise<(number | undefined)[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => (await log.get(sampleEvent(index).id))?.leafIndex),
  )
}

async function verifyLog(database: Database<Tables>, expectation: ExportExpectation = {}) {
  return await verifyExport(exportLines(database.read), expectation)
}

async function rowCounts(database: Database<Tables>): Promise<number[]> {
  const tables = ['log_leaves', 'log_tiles', 'log_checkpoints', 'pending_events'] as const
  return await Promise.all(
    tables.map(async (table) => (await database.read.selectFrom(table).selectAll().execute()).length),
  )
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('the sealer', () => {
  it('makes no checkpoint when nothing is pending, and says false when nobody leads', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const { sealer } = createTestSealer(database)
    assert.equal(await sealer.sealNow(), true)
    await appendSamples(database, log, 0, 1)
    assert.equal(await sealer.sealNow({ timeoutMs: 50 }), false)
    sealer.start()
    assert.equal(await sealer.sealNow(), true)
    assert.equal(await sealer.sealNow(), true)
    await sealer.stop()
    assert.equal(sealer.state(), 'following')
    assert.deepEqual(await rowCounts(database), [1, 1, 1, 0])
  })

  it('A-04: numbers events in the order of their seq without a gap and signs a checkpoint that verifies', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const { sealer, signer, alarms } = createTestSealer(database)
    sealer.start()
    for (const from of [0, 3, 6]) {
      await appendSamples(database, log, from, 3)
      assert.equal(await sealer.sealNow(), true)
    }
    await sealer.stop()
    assert.deepEqual(await indexes(log, 9), [0, 1, 2, 3, 4, 5, 6, 7, 8])
    const verdict = await verifyLog(database, { trustedKeys: [signer.verifierKey] })
    assert.deepEqual([verdict.ok, verdict.events, verdict.checkpoints, verdict.origin], [true, 9, 3, ORIGIN])
    assert.deepEqual([(await log.checkpoint())?.size, (await log.lag()).pending, alarms], [9, 0, []])
  })

  it('seals by itself, in chunks, over several levels of tiles', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const { sealer } = createTestSealer(database, { chunk: 100, intervalMs: 20, gatherMs: 5 })
    sealer.start()
    await appendSamples(database, log, 0, 530)
    await until(async () => (await log.lag()).pending === 0)
    await sealer.stop()
    const verdict = await verifyLog(database)
    assert.deepEqual([verdict.ok, verdict.events], [true, 530])
    assert.ok(verdict.checkpoints >= 6)
    const tiles = await database.read.selectFrom('log_tiles').select(['level', 'tile_index']).orderBy('level').execute()
    assert.equal(tiles.length, 4)
    for await (const line of exportLines(database.read, 7)) assert.match(line, /^[^\n]+\n$/)
    const small = await verifyExport(exportLines(database.read, 7))
    assert.deepEqual(small, verdict)
  })

  it('goes on with the tree that a process before it has left, at every fill of the tiles', async (t) => {
    const target = await createTestTarget(t)
    const signer = createTestSigner(ORIGIN)
    let count = 0
    for (const added of [1, 254, 1, 1, 255, 300]) {
      const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
      const log = createEventLog({ database, now: systemNow })
      const { sealer, alarms } = createTestSealer(database, { signer: () => signer })
      await appendSamples(database, log, count, added)
      count += added
      sealer.start()
      assert.equal(await sealer.sealNow(), true)
      await sealer.stop()
      const verdict = await verifyLog(database, { trustedKeys: [signer.verifierKey] })
      assert.deepEqual([verdict.ok, verdict.events, alarms], [true, count, []])
      await database.close()
    }
  })

  it('seals each event exactly once under concurrent appends of which some are rolled back', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const { sealer, alarms } = createTestSealer(database, { intervalMs: 5, gatherMs: 0, chunk: 7 })
    sealer.start()
    const writes = Array.from({ length: 120 }, (_, index) =>
      database.transaction(async (tx) => {
        await log.append(tx, sampleEvent(index))
        if (index % 5 === 0) throw new Error('rolled back')
      }),
    )
    const outcomes = await Promise.allSettled(writes)
    assert.equal(outcomes.filter((outcome) => outcome.status === 'rejected').length, 24)
    assert.equal(await sealer.sealNow(), true)
    await sealer.stop()
    const found = (await indexes(log, 120)).filter((index) => index !== undefined).toSorted((a, b) => a - b)
    assert.deepEqual(found, [...Array(96).keys()])
    assert.deepEqual([(await verifyLog(database)).ok, alarms], [true, []])
  })

  const needsPostgres = TEST_ENGINE === 'postgres' ? false : 'one writer at a time: commits are in order'
  it('A-04: seals an event that commits late under the next number, and never its absence', {
    skip: needsPostgres,
  }, async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const { sealer } = createTestSealer(database)
    sealer.start()
    let commit: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      commit = resolve
    })
    let appended: () => void = () => {}
    const isAppended = new Promise<void>((resolve) => {
      appended = resolve
    })
    const late = database.transaction(async (tx) => {
      await log.append(tx, sampleEvent(0))
      appended()
      await held
    })
    await isAppended
    await appendSamples(database, log, 1, 2)
    assert.equal(await sealer.sealNow(), true)
    assert.deepEqual(await indexes(log, 3), [undefined, 0, 1])
    commit()
    await late
    assert.equal(await sealer.sealNow(), true)
    await sealer.stop()
    assert.deepEqual(await indexes(log, 3), [2, 0, 1])
    assert.equal((await verifyLog(database)).ok, true)
  })

  it('R-17: two sealers that both believe to lead make one log without a fork', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const signer = createTestSigner(ORIGIN)
    const change = { signer: () => signer, intervalMs: 2, gatherMs: 0, chunk: 3 }
    const sealers = [createTestSealer(database, change), createTestSealer(database, change)] as const
    const leaders = [createUnfencedLeader(database, 1), createUnfencedLeader(database, 2)] as const
    const leading = [sealers[0].sealer.lead(leaders[0]), sealers[1].sealer.lead(leaders[1])]
    for (let from = 0; from < 60; from += 4) await appendSamples(database, log, from, 4)
    await until(async () => (await log.lag()).pending === 0)
    for (const leader of leaders) leader.end()
    await Promise.all(leading)
    assert.deepEqual(
      (await indexes(log, 60)).toSorted((a, b) => (a ?? -1) - (b ?? -1)),
      [...Array(60).keys()],
    )
    const verdict = await verifyLog(database, { trustedKeys: [signer.verifierKey] })
    assert.deepEqual([verdict.ok, verdict.events], [true, 60])
    // Where both write at once, one of them loses its transaction; it never concludes that the log is damaged.
    for (const { alarms } of sealers) assert.ok(alarms.every((alarm) => alarm.kind === 'failed'))
  })

  it('R-17: a leader of an older epoch seals nothing', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    await appendSamples(database, log, 0, 3)
    const first = await leaderOf(database, 'first')
    const { sealer, alarms } = createTestSealer(database)
    const deposed: Leader<Tables> = { ...first.leader, signal: AbortSignal.timeout(60_000) }
    await first.end()
    const second = await leaderOf(database, 'second')
    assert.ok(second.leader.epoch > first.leader.epoch)
    const controller = new AbortController()
    const leading = sealer.lead({ ...deposed, signal: controller.signal })
    await until(() => alarms.length > 0)
    controller.abort()
    await leading
    await second.end()
    assert.deepEqual(await rowCounts(database), [0, 0, 0, 3])
  })

  it('writes nothing when its transaction fails half-way, and seals the same events afterwards', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    await appendSamples(database, log, 0, 3)
    const leader = createUnfencedLeader(database)
    let failures = 2
    const { sealer, alarms } = createTestSealer(database, { intervalMs: 5 })
    const leading = sealer.lead({
      ...leader,
      transaction: (work) =>
        database.transaction(async (tx) => {
          const result = await work(tx)
          if (result === 3 && failures > 0) {
            failures -= 1
            throw new Error('the connection was lost before the commit')
          }
          return result
        }),
    })
    await until(() => alarms.length === 2)
    await until(async () => (await log.lag()).pending === 0)
    leader.end()
    await leading
    assert.deepEqual(
      alarms.map((alarm) => alarm.kind),
      ['failed', 'failed'],
    )
    assert.deepEqual(await indexes(log, 3), [0, 1, 2])
    assert.equal((await verifyLog(database)).ok, true)
  })

  it('G-05: goes on with another key after a rotation, and exports both', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const [before, after] = [createTestSigner(ORIGIN), createTestSigner(ORIGIN)]
    let signer: CheckpointSigner = before
    const { sealer, alarms } = createTestSealer(database, { signer: () => signer })
    sealer.start()
    await appendSamples(database, log, 0, 2)
    await sealer.sealNow()
    signer = after
    await appendSamples(database, log, 2, 2)
    await sealer.sealNow()
    await sealer.stop()
    // A process that starts with the new key still knows the old one: the newest checkpoint may be signed with either.
    const restarted = createTestSealer(database, { signer: () => createTestSigner(ORIGIN) })
    restarted.sealer.start()
    await appendSamples(database, log, 4, 1)
    assert.equal(await restarted.sealer.sealNow(), true)
    await restarted.sealer.stop()
    assert.deepEqual([alarms, restarted.alarms], [[], []])
    assert.equal((await verifyLog(database)).ok, true)
    const pinned = await verifyLog(database, { trustedKeys: [before.verifierKey] })
    assert.deepEqual(new Set(pinned.faults.map((fault) => fault.kind)), new Set(['unknown_key', 'truncated']))
  })
})

describe('the sealer refuses, alarms and changes nothing', () => {
  async function assertRefusal(
    t: TestContext,
    damage: (target: DatabaseTarget, signer: CheckpointSigner) => Promise<void>,
    change: Partial<SealerDependencies> = {},
  ): Promise<void> {
    const target = await createTestTarget(t)
    const database = await openAgain(t, target)
    const log = createEventLog({ database, now: systemNow })
    const { sealer, signer } = createTestSealer(database)
    await appendSamples(database, log, 0, 300)
    sealer.start()
    await sealer.sealNow()
    await sealer.stop()
    await appendSamples(database, log, 300, 2)
    await damage(target, signer)
    const before = await rowCounts(database)
    const { sealer: next, alarms } = createTestSealer(database, { signer: () => signer, ...change })
    next.start()
    await until(() => next.state() === 'refusing')
    await assert.rejects(next.sealNow(), (error) => error instanceof ServiceError && error.code === 'audit_invalid')
    assert.deepEqual(
      alarms.map((alarm) => alarm.kind),
      ['refused'],
    )
    await next.stop()
    assert.deepEqual(await rowCounts(database), before)
  }

  it('when the edge of the tree was changed', (t) =>
    assertRefusal(t, (target) =>
      tamper(target, 'log_tiles', [['UPDATE log_tiles SET hashes = ? WHERE level = 1', EMPTY_ROOT]]),
    ))

  it('when a tile of the edge is missing or has another width', async (t) => {
    await assertRefusal(t, (target) => tamper(target, 'log_tiles', [['DELETE FROM log_tiles WHERE level = 1']]))
    const wide = Buffer.alloc(64)
    await assertRefusal(t, (target) =>
      tamper(target, 'log_tiles', [['UPDATE log_tiles SET hashes = ? WHERE level = 1', wide]]),
    )
  })

  it('when a leaf was changed, removed or added', async (t) => {
    const sql = 'UPDATE log_leaves SET leaf_hash = ? WHERE leaf_index = 280'
    await assertRefusal(t, (target) => tamper(target, 'log_leaves', [[sql, EMPTY_ROOT]]))
    await assertRefusal(t, (target) =>
      tamper(target, 'log_leaves', [['DELETE FROM log_leaves WHERE leaf_index = 299']]),
    )
    await assertRefusal(t, (target) =>
      tamper(target, 'log_leaves', [['DELETE FROM log_leaves WHERE leaf_index = 270']]),
    )
    const added = 'INSERT INTO log_leaves (leaf_index, event_id, leaf_hash) VALUES (300, ?, ?)'
    await assertRefusal(t, (target) => tamper(target, 'log_leaves', [[added, 'evt_x', EMPTY_ROOT]]))
  })

  it('when the newest checkpoint was removed, changed, or signed with an unknown key', async (t) => {
    await assertRefusal(t, (target) => tamper(target, 'log_checkpoints', [['DELETE FROM log_checkpoints']]))
    const root = hashLeaf(Buffer.from('other'))
    await assertRefusal(t, (target) =>
      tamper(target, 'log_checkpoints', [['UPDATE log_checkpoints SET root = ?', root]]),
    )
    const forged = signCheckpoint({ origin: ORIGIN, size: 300n, root }, [createTestSigner(ORIGIN)])
    await assertRefusal(t, (target) =>
      tamper(target, 'log_checkpoints', [['UPDATE log_checkpoints SET note = ?', forged]]),
    )
  })

  it('when the newest checkpoint was signed for another tree than its row states', (t) =>
    assertRefusal(t, async (target, signer) => {
      const other = signCheckpoint({ origin: ORIGIN, size: 299n, root: EMPTY_ROOT }, [signer])
      await tamper(target, 'log_checkpoints', [['UPDATE log_checkpoints SET note = ?', other]])
    }))

  it('when the log belongs to another origin', (t) => assertRefusal(t, async () => {}, { origin: 'other.example' }))

  it('A-04: when a pending event is not stored: a gap is never sealed over', (t) =>
    assertRefusal(t, (target) => tamper(target, 'events', [['DELETE FROM events WHERE id = ?', sampleEvent(300).id]])))
})

async function leaderOf(database: Database<Tables>, holder: string) {
  let won: (leader: Leader<Tables>) => void = () => {}
  const leader = new Promise<Leader<Tables>>((resolve) => {
    won = resolve
  })
  const end = database.campaign(holder, async (elected) => {
    won(elected)
    await new Promise((resolve) => elected.signal.addEventListener('abort', resolve))
  })
  return { leader: await leader, end }
}
