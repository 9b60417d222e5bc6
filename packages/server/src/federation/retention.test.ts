import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../../test/support/database.ts'
import type { Tables } from '../schema/index.ts'
import type { Leader } from '../storage/index.ts'
import { createRetention } from './retention.ts'

const NOW = Date.UTC(2027, 0, 31)
const DAY_MS = 86_400_000

test('claims go after their time however many there are, and not before it', async (t) => {
  const now = () => new Date(NOW)
  const database = await openTestDatabase(t, { now })
  const leader = { transaction: (work: never) => database.transaction(work) } as unknown as Leader<Tables>
  const row = (id: string, at: number) => ({ event_id: id, at, salt: new Uint8Array(16), claims: new Uint8Array(2) })
  await database.transaction(async (tx) => {
    for (let start = 0; start < 12_000; start += 200) {
      const rows = Array.from({ length: 200 }, (_, index) => row(`evt_old${start + index}`, NOW - 31 * DAY_MS))
      await tx.insertInto('decision_claims').values(rows).execute()
    }
    await tx
      .insertInto('decision_claims')
      .values(row('evt_young', NOW - 29 * DAY_MS))
      .execute()
  })
  await createRetention({ database, claimsRetentionMs: 30 * DAY_MS, now })(leader)
  const left = await database.read.selectFrom('decision_claims').select('event_id').execute()
  assert.deepEqual(left, [{ event_id: 'evt_young' }])
})
