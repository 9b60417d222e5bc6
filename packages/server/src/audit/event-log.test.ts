import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appendSamples, sampleEvent, tamper } from '../../../../test/support/audit.ts'
import { createTestTarget, openTestDatabase } from '../../../../test/support/database.ts'
import { ServiceError } from '../errors.ts'
import { systemNow } from '../lib/index.ts'
import { MIGRATIONS, type Tables } from '../schema/index.ts'
import { openDatabase } from '../storage/index.ts'
import { EVENT_BATCH_TABLES, toBatchRows } from './batch.ts'
import { encodeEvent } from './encode.ts'
import { createEventLog } from './event-log.ts'

describe('appending an event', () => {
  it('A-01: leaves no event when the action fails, and no action when the event fails', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const setting = { name: 'action', value: 'done' }
    const refused = new Error('the action is refused')
    const failing = database.transaction(async (tx) => {
      await log.append(tx, sampleEvent(1))
      throw refused
    })
    await assert.rejects(failing, refused)
    const tooLarge = sampleEvent(2, { data: { text: 'x'.repeat(9000) } })
    const unrecorded = database.transaction(async (tx) => {
      await tx.insertInto('settings').values(setting).execute()
      await log.append(tx, tooLarge)
    })
    await assert.rejects(unrecorded, TypeError)
    const twice = database.transaction(async (tx) => {
      await tx.insertInto('settings').values(setting).execute()
      await log.append(tx, sampleEvent(3))
      await log.append(tx, sampleEvent(3))
    })
    await assert.rejects(twice)
    assert.deepEqual((await log.list({ limit: 10 })).items, [])
    assert.deepEqual(await log.lag(), { pending: 0, oldestAgeMs: 0 })
    assert.equal(
      await database.read.selectFrom('settings').selectAll().where('name', '=', 'action').executeTakeFirst(),
      undefined,
    )
  })

  it('A-02: cannot be undone or altered through the product’s own connection', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    await appendSamples(database, log, 0, 2)
    await assert.rejects(database.transaction((tx) => tx.updateTable('events').set({ outcome: 'allowed' }).execute()))
    await assert.rejects(database.transaction((tx) => tx.deleteFrom('events').execute()))
    assert.equal((await log.list({ limit: 10 })).items.length, 2)
  })

  it('wakes the sealer', async (t) => {
    const database = await openTestDatabase(t)
    let woken = 0
    const log = createEventLog({ database, now: systemNow, onAppend: () => (woken += 1) })
    await appendSamples(database, log, 0, 3)
    assert.equal(woken, 3)
  })

  it('through the guarded batch stores what append stores', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    const guard = {
      table: 'proof_claims',
      columns: { proof_key: 'bytes', slot: 'integer', proof_expires_at: 'integer' },
    } as const
    await database.ensurePartitions('proof_claims', Date.now() + 60_000)
    const batch = database.createGuardedBatch({ guard, dependents: EVENT_BATCH_TABLES })
    const key = [Buffer.alloc(32, 1), 0, Date.now() + 60_000]
    const events = [sampleEvent(0), sampleEvent(1), sampleEvent(2)] as const
    assert.equal((await batch.write({ guard: key, rows: toBatchRows(events[0]) })).won, true)
    assert.equal((await batch.write({ guard: key, rows: toBatchRows(events[1]) })).won, false)
    assert.equal((await batch.write({ guard: null, rows: toBatchRows(events[2]) })).won, true)
    const { workloadId: _, ...withoutWorkload } = sampleEvent(3)
    await batch.write({ guard: null, rows: toBatchRows(withoutWorkload) })
    assert.equal(await log.get(events[1].id), undefined)
    for (const event of [events[0], events[2], withoutWorkload]) {
      const recorded = await log.get(event.id)
      assert.deepEqual(Buffer.from(recorded?.body ?? []), Buffer.from(encodeEvent(event)))
    }
    assert.equal((await log.lag()).pending, 3)
  })
})

describe('reading events', () => {
  it('finds none under an id that is not there', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    assert.equal(await log.get('evt_0'), undefined)
    assert.equal(await log.checkpoint(), undefined)
    assert.deepEqual(await log.list({ limit: 10 }), { items: [], next: null })
  })

  it('gives back what was appended, not yet numbered', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    await appendSamples(database, log, 0, 1)
    const event = sampleEvent(0)
    assert.deepEqual(await log.get(event.id), { ...event, body: Buffer.from(encodeEvent(event)), leafIndex: undefined })
  })

  it('lists newest first, page by page, by kind, outcome and workload', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow })
    await appendSamples(database, log, 0, 7)
    await database.transaction((tx) => log.append(tx, sampleEvent(7, { kind: 'policy.updated', outcome: 'done' })))
    const pages: string[][] = []
    let after: string | null | undefined
    while (after !== null) {
      const page = await log.list({ limit: 3, ...(after && { after }) })
      pages.push(page.items.map((item) => item.id))
      after = page.next
    }
    const ids = (...numbers: number[]) => numbers.map((number) => sampleEvent(number).id)
    assert.deepEqual(pages, [ids(7, 6, 5), ids(4, 3, 2), ids(1, 0)])
    const idsOf = async (filter: object) => (await log.list({ limit: 100, ...filter })).items.map((item) => item.id)
    assert.deepEqual(await idsOf({ kind: 'policy.updated' }), ids(7))
    assert.deepEqual(await idsOf({ outcome: 'denied' }), ids(5, 3, 1))
    assert.deepEqual(await idsOf({ workloadId: 'wl_4' }), ids(4))
    assert.deepEqual(await idsOf({ outcome: 'denied', after: ids(5)[0], limit: 1 }), ids(3))
    assert.equal((await log.list({ limit: Number.NaN })).items.length, 1)
    assert.equal((await log.list({ limit: -5 })).items.length, 1)
  })

  it('refuses a row that was changed behind its back, in a column or in the body', async (t) => {
    const target = await createTestTarget(t)
    const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now: systemNow })
    t.after(() => database.close())
    const log = createEventLog({ database, now: systemNow })
    await appendSamples(database, log, 0, 4)
    const [first, second, third] = [sampleEvent(0).id, sampleEvent(1).id, sampleEvent(2).id]
    await tamper(target, 'events', [
      ['UPDATE events SET outcome = ? WHERE id = ?', 'denied', first],
      ['UPDATE events SET body = ? WHERE id = ?', Buffer.from('{}'), second],
      ['UPDATE events SET body = ? WHERE id = ?', encodeEvent(sampleEvent(9)), third],
    ])
    for (const id of [first, second, third]) {
      await assert.rejects(log.get(id), (error) => error instanceof ServiceError && error.code === 'audit_invalid')
    }
    await assert.rejects(
      log.list({ limit: 10 }),
      (error) => error instanceof ServiceError && error.code === 'audit_invalid',
    )
    assert.equal((await log.get(sampleEvent(3).id))?.id, sampleEvent(3).id)
  })

  it('states how many events wait for their number and how old the oldest is', async (t) => {
    const database = await openTestDatabase(t)
    const now = new Date(sampleEvent(0).at.getTime() + 90_000)
    const log = createEventLog({ database, now: () => now })
    await appendSamples(database, log, 0, 3)
    assert.deepEqual(await log.lag(), { pending: 3, oldestAgeMs: 90_000 })
    const early = createEventLog({ database, now: () => new Date(0) })
    assert.deepEqual(await early.lag(), { pending: 3, oldestAgeMs: 0 })
  })
})

describe('a filtered list', () => {
  it('looks at a bounded number of events per query and per call, and misses none over all pages', async (t) => {
    const database = await openTestDatabase(t)
    const log = createEventLog({ database, now: systemNow, scan: { window: 4, windows: 2 } })
    await database.transaction(async (tx) => {
      for (let index = 0; index < 30; index += 1) {
        await log.append(tx, sampleEvent(index, { kind: index % 13 === 0 ? 'rare.event' : 'usual.event' }))
      }
    })
    const found: string[] = []
    let pages = 0
    let after: string | undefined
    for (;;) {
      const page = await log.list({ limit: 10, kind: 'rare.event', ...(after === undefined ? {} : { after }) })
      pages += 1
      found.push(...page.items.map(({ id }) => id))
      if (page.next === null) break
      assert.notEqual(page.next, after)
      after = page.next
    }
    const expected = [26, 13, 0].map((index) => sampleEvent(index).id)
    assert.deepEqual(found, expected)
    assert.equal(pages, Math.ceil(30 / 8))
    const [newest] = (await log.list({ limit: 1, kind: 'rare.event' })).items
    assert.equal(newest?.id, expected[0])
  })
})
