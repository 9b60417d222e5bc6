import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { createWorkloadRegistry } from './workload-registry.ts'

async function open(scope: TestScope) {
  let at = Date.parse('2026-11-24T10:00:00Z')
  const now = () => new Date(at)
  const database = await openTestDatabase(scope, { now })
  let transactions = 0
  const counted: Database<Tables> = {
    ...database,
    transaction: (work) => {
      transactions += 1
      return database.transaction(work)
    },
  }
  return {
    database,
    now,
    registry: createWorkloadRegistry({ database: counted, now }),
    transactions: () => transactions,
    advance: (ms: number) => {
      at += ms
    },
  }
}

const sighting = {
  id: 'wl_a',
  subject: 'countersign://x/workload/tp_1/1',
  providerId: 'tp_1',
  environment: 'production',
}

describe('the workload registry', () => {
  it('does not write a workload again within a minute', async (t) => {
    const { registry, transactions, advance } = await open(t)
    for (let times = 0; times < 100; times += 1) registry.seen(sighting)
    await registry.flush()
    assert.equal(transactions(), 1)
    advance(59_999)
    registry.seen(sighting)
    await registry.flush()
    assert.equal(transactions(), 1)
    advance(1)
    registry.seen(sighting)
    await registry.flush()
    assert.equal(transactions(), 2)
    const stored = await registry.get('wl_a')
    assert.deepEqual(
      [stored?.firstSeenAt.toISOString(), stored?.lastSeenAt.toISOString()],
      ['2026-11-24T10:00:00.000Z', '2026-11-24T10:01:00.000Z'],
    )
  })

  it('does not lose an environment that another replica wrote (NHI8)', async (t) => {
    const { database, now, registry } = await open(t)
    const other = createWorkloadRegistry({ database, now })
    registry.seen(sighting)
    other.seen({ ...sighting, environment: 'staging' })
    await Promise.all([registry.flush(), other.flush()])
    registry.seen({ ...sighting, environment: 'test' })
    await registry.flush()
    assert.deepEqual((await registry.get('wl_a'))?.environments, ['production', 'staging', 'test'])
  })

  it('keeps what it could not write and tries again', async (t) => {
    const { database, now } = await open(t)
    let broken = true
    const errors: unknown[] = []
    const registry = createWorkloadRegistry({
      database: {
        ...database,
        transaction: (work) => (broken ? Promise.reject(new Error('down')) : database.transaction(work)),
      },
      now,
      onError: (error) => errors.push(error),
    })
    registry.seen(sighting)
    await assert.rejects(registry.flush(), /down/)
    assert.equal(errors.length, 1)
    broken = false
    await registry.flush()
    assert.equal((await registry.get('wl_a'))?.subject, sighting.subject)
  })

  it('lists by id, page by page, and knows nothing of what it has not seen', async (t) => {
    const { registry } = await open(t)
    for (let index = 0; index < 450; index += 1)
      registry.seen({ ...sighting, id: `wl_${String(index).padStart(3, '0')}` })
    await registry.flush()
    const ids: string[] = []
    for (let after: string | undefined; ; ) {
      const page = await registry.list({ limit: 100, ...(after === undefined ? {} : { after }) })
      ids.push(...page.items.map((item) => item.id))
      if (page.next === null) break
      after = page.next
    }
    assert.equal(new Set(ids).size, 450)
    assert.deepEqual(ids, [...ids].sort())
    assert.equal(await registry.get('wl_none'), undefined)
  })
})
