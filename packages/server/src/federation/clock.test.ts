import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { TEST_ENGINE } from '../../../../test/support/database.ts'
import { createRevocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Leader } from '../storage/index.ts'
import { AUDIENCE, openExchange } from './exchange.fixture.ts'
import { createRetention } from './retention.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

async function open(scope: TestContext) {
  const fixture = await openExchange(scope)
  const { clock, database } = fixture
  const real = clock.now.getTime()
  const leader = { transaction: (work: never) => database.transaction(work) } as unknown as Leader<Tables>
  const retention = createRetention({ database, claimsRetentionMs: 30 * DAY_MS, now: () => clock.now })
  return {
    ...fixture,
    setAhead(ms: number) {
      clock.now = new Date(real + ms)
    },
    async keepHouse({ hours = true } = {}) {
      await retention(leader)
      // PostgreSQL drops one partition in a while: here as many as a clock that stays ahead for hours would have dropped.
      const upTo = clock.now.getTime()
      for (let count = 0; TEST_ENGINE === 'postgres' && hours && count < 3; count += 1) {
        await database.transaction((tx) => sql`select storage_drop_proof_claims(${upTo}::bigint)`.execute(tx))
      }
    },
    count: async (table: 'proof_claims' | 'revocations') =>
      (await database.read.selectFrom(table).selectAll().execute()).length,
    async revoke(kind: 'jti' | 'policy', value: string, expiresAt: Date, revision?: number) {
      const request = { kind, value, upToRevision: revision, reason: 'test', actor: 'test', expiresAt }
      await database.transaction((tx) => fixture.revocations.append(tx, [request]))
      await database.revisions.refresh()
    },
    async issue() {
      const result = await fixture.exchange(fixture.issuer.sign())
      assert.ok(result.ok)
      const own = await fixture.ownTokens.verify(result.accessToken, AUDIENCE)
      assert.ok(own)
      return { token: result.accessToken, own }
    },
  }
}

test('a proof used once is refused after the clock went two days ahead, housekeeping ran, and it came back (T20)', async (t) => {
  const { exchange, issuer, setAhead, keepHouse, count, secondProcess } = await open(t)
  const proof = issuer.sign()
  assert.equal((await exchange(proof)).ok, true)
  setAhead(2 * DAY_MS)
  await keepHouse()
  assert.equal(await count('proof_claims'), 0, 'the attack takes place')
  setAhead(0)
  for (const process of [exchange, await secondProcess()]) {
    const again = await process(proof)
    assert.equal(again.ok ? 'accepted' : again.code, 'replayed')
  }
  assert.equal(await count('proof_claims'), 0)
})

test('a token revoked by its jti stays refused after the clock went ahead and came back, here and after a restart', async (t) => {
  const { database, clock, ownTokens, issue, revoke, setAhead, keepHouse, count } = await open(t)
  const { token, own } = await issue()
  await revoke('jti', own.jti, own.expiresAt)
  assert.equal(await ownTokens.verify(token, AUDIENCE), undefined)
  setAhead(2 * DAY_MS)
  await keepHouse()
  assert.equal(await count('revocations'), 0, 'the attack takes place')
  // A change makes the process look at what it keeps in memory.
  await revoke('jti', 'jti_other', clock.now)
  setAhead(0)
  assert.equal(await ownTokens.verify(token, AUDIENCE), undefined)
  const restarted = await createRevocations({ database, now: () => clock.now })
  t.after(() => restarted.close())
  assert.equal(restarted.isRevoked(own), true)
})

test('a clock that is ahead while a process starts or a change arrives makes it forget no revocation', async (t) => {
  const { database, clock, ownTokens, issue, revoke, setAhead } = await open(t)
  const { token, own } = await issue()
  await revoke('jti', own.jti, own.expiresAt)
  setAhead(2 * DAY_MS)
  await revoke('jti', 'jti_other', new Date(clock.now.getTime() + DAY_MS))
  const restarted = await createRevocations({ database, now: () => clock.now })
  t.after(() => restarted.close())
  setAhead(0)
  assert.equal(await ownTokens.verify(token, AUDIENCE), undefined)
  assert.equal(restarted.isRevoked(own), true)
})

test('a revocation is kept for tokens that were dated ahead, though the clock is back when it is made', async (t) => {
  const { database, clock, setAhead, issuer, ownTokens, secondProcess, revoke } = await open(t)
  setAhead(2 * DAY_MS)
  const issued = await (await secondProcess())(issuer.sign())
  assert.ok(issued.ok)
  const own = await ownTokens.verify(issued.accessToken, AUDIENCE)
  assert.ok(own)
  setAhead(0)
  await revoke('policy', own.policyId, new Date(clock.now.getTime() + 3_660_000), own.revision)
  const row = await database.read.selectFrom('revocations').select('expires_at').executeTakeFirst()
  assert.ok(Number(row?.expires_at) >= own.expiresAt.getTime())
})

test('after a minute of a wrong clock, proofs and tokens are good again soon and not in days', async (t) => {
  const { ownTokens, issue, issuer, revoke, secondProcess, setAhead, keepHouse, clock } = await open(t)
  const { own } = await issue()
  await revoke('jti', 'jti_old', new Date(clock.now.getTime() - 1))
  await revoke('jti', own.jti, own.expiresAt)
  setAhead(2 * DAY_MS)
  await keepHouse({ hours: false })
  // PostgreSQL drops by the hour, the other engine by minutes.
  setAhead(TEST_ENGINE === 'postgres' ? 2 * HOUR_MS : 15 * 60_000)
  await revoke('jti', 'jti_other', own.expiresAt)
  const issued = await (await secondProcess())(issuer.sign())
  assert.ok(issued.ok)
  assert.ok(await ownTokens.verify(issued.accessToken, AUDIENCE))
})
