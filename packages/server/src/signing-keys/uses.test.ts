// G-06: every signature is accounted for. The counts come from the rows that exist before anything is signed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import { ServiceError } from '../errors.ts'
import { newId } from '../lib/index.ts'
import { countUses } from './uses.ts'

const HOUR = 3_600_000
const start = Date.UTC(2026, 0, 1, 10)
const invalid = (error: unknown) => error instanceof ServiceError && error.code === 'validation_failed'

interface Row {
  readonly at: number
  readonly kid?: string
  readonly policy?: string
  readonly batch?: number
}

async function fixture(t: TestScope) {
  const database = await openTestDatabase(t)
  const issue = async ({ at, kid = 'k1', policy = 'pol_a', batch = 1 }: Row) => {
    const jti = newId('jti', new Date(at))
    const ids = { jti, event_id: 'evt_1', boot_id: 'boot_1', batch, kid, workload_id: 'wl_1', subject: 's' }
    const rest = { provider_id: 'tp_1', policy_id: policy, service_id: 'svc_1', scope: '', revision: 1 }
    const row = { ...ids, ...rest, issued_at: at, expires_at: at + HOUR }
    await database.transaction((tx) => tx.insertInto('issuances').values(row).execute())
    return jti
  }
  const confirm = (batch: number, boot_id = 'boot_1') =>
    database.transaction((tx) => tx.insertInto('signing_confirmations').values({ boot_id, batch }).execute())
  const mark = (jti: string) =>
    database.transaction((tx) => tx.insertInto('unsigned_issuances').values({ jti, settled_at: start }).execute())
  const count = (from: number, to: number, kid?: string) =>
    countUses(database.read, { from: new Date(from), to: new Date(to), ...(kid === undefined ? {} : { kid }) })
  return { issue, confirm, mark, count }
}

test('a range that is empty, backwards, endless or no range is refused', async (t) => {
  const { count } = await fixture(t)
  for (const [from, to] of [
    [start, start],
    [start, start - 1],
    [start, start + 32 * 24 * HOUR],
    [Number.NaN, start],
    [start, Number.NaN],
  ] as const) {
    await assert.rejects(count(from, to), invalid)
  }
})

test('what is neither confirmed nor marked is open, and nothing is called reconciled then', async (t) => {
  const { issue, confirm, count } = await fixture(t)
  await issue({ at: start, batch: 1 })
  await issue({ at: start, batch: 2 })
  await confirm(1)
  await confirm(2, 'boot_2')
  const uses = await count(start, start + HOUR)
  assert.deepEqual([uses.issuances, uses.signed, uses.unsigned, uses.pending], [2, 1, 0, 1])
  assert.equal(uses.reconciled, false)
})

test('one of a confirmed batch that is marked unsigned counts as unsigned, once', async (t) => {
  const { issue, confirm, mark, count } = await fixture(t)
  await issue({ at: start })
  await mark(await issue({ at: start }))
  await confirm(1)
  const uses = await count(start, start + HOUR)
  assert.deepEqual([uses.issuances, uses.signed, uses.unsigned, uses.pending], [2, 1, 1, 0])
  assert.equal(uses.reconciled, true)
})

test('the bounds of the range are exact to the millisecond: from is in it, to is not', async (t) => {
  const { issue, count } = await fixture(t)
  for (const at of [start - 1, start, start + HOUR - 1, start + HOUR]) await issue({ at })
  assert.equal((await count(start, start + HOUR)).issuances, 2)
  assert.equal((await count(start - 1, start)).issuances, 1)
  assert.equal((await count(start, start + 1)).issuances, 1)
})

test('by key, policy and hour, with nothing counted twice over the minutes of a day', async (t) => {
  const { issue, confirm, count } = await fixture(t)
  for (let minute = 0; minute < 180; minute += 30) {
    await issue({ at: start + minute * 60_000, policy: minute % 60 === 0 ? 'pol_a' : 'pol_b' })
    await issue({ at: start + minute * 60_000 + 59_999, kid: 'k2' })
  }
  await confirm(1)
  const uses = await count(start, start + 24 * HOUR)
  assert.deepEqual(
    uses.keys.map((key) => [key.kid, key.signed]),
    [
      ['k1', 6],
      ['k2', 6],
    ],
  )
  const [first] = uses.keys
  assert.deepEqual(
    first?.byPolicy.map(({ policyId, signed }) => [policyId, signed]),
    [
      ['pol_a', 3],
      ['pol_b', 3],
    ],
  )
  assert.deepEqual(
    first?.byHour.map(({ hour, signed }) => [hour.getTime(), signed]),
    [0, 1, 2].map((hour) => [start + hour * HOUR, 2]),
  )
  const only = await count(start, start + 24 * HOUR, 'k2')
  assert.deepEqual([only.keys.length, only.issuances], [1, 6])
  assert.deepEqual((await count(start, start + 24 * HOUR, 'k3')).keys, [])
})
