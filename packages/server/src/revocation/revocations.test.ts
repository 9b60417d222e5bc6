import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openTestDatabase, type TestScope } from '../../../../test/support/database.ts'
import { createRevocations } from './revocations.ts'
import { insertRevocations } from './store.ts'
import type { RevocableToken, RevocationRequest } from './types.ts'

const NOW = new Date('2026-11-24T10:00:00.000Z')
const after = (ms: number) => new Date(NOW.getTime() + ms)

const TOKEN: RevocableToken = {
  jti: 'jti_a',
  kid: 'kid-1',
  subject: 'countersign://sts/workload/tp_a/1',
  workloadIds: ['wl_a'],
  policyId: 'pol_a',
  providerIds: ['tp_a'],
  serviceId: 'svc_a',
  revision: 5,
  issuedAt: NOW,
  expiresAt: after(900_000),
}

function entry(kind: string, value: string, change: Partial<RevocationRequest> = {}): RevocationRequest {
  return {
    kind: kind as RevocationRequest['kind'],
    value,
    upToRevision: undefined,
    reason: 'test',
    actor: 'test',
    expiresAt: after(3_600_000),
    ...change,
  }
}

async function open(t: TestScope) {
  const database = await openTestDatabase(t, { now: () => NOW })
  const revocations = await createRevocations({ database, now: () => NOW })
  t.after(() => revocations.close())
  return {
    revocations,
    async write(...entries: readonly RevocationRequest[]) {
      await database.transaction(async (tx) => {
        const revision = await database.revisions.append(tx, { kind: 'revocation', target: '', detail: null })
        await insertRevocations(tx, revision, NOW, entries)
      })
      await database.revisions.refresh()
    },
  }
}

test('T23: of several entries the strictest wins, whichever came first', async (t) => {
  const orders = [
    [entry('subject', TOKEN.subject, { upToRevision: 4 }), entry('subject', TOKEN.subject, { upToRevision: 6 })],
    [entry('subject', TOKEN.subject, { upToRevision: 6 }), entry('subject', TOKEN.subject, { upToRevision: 4 })],
    [entry('policy', 'pol_a', { upToRevision: 2 }), entry('issued_before', 'x', { issuedBefore: after(1_000) })],
    [entry('issued_before', 'x', { issuedBefore: after(-1_000) }), entry('workload', 'wl_a', { upToRevision: 5 })],
  ]
  for (const entries of orders) {
    const { revocations, write } = await open(t)
    assert.equal(revocations.isRevoked(TOKEN), false)
    for (const one of entries) await write(one)
    assert.equal(revocations.isRevoked(TOKEN), true)
  }
})

test('T23: before an instant by `iat`, and by revision whatever the clock of the issuer said', async (t) => {
  const cases: readonly [Partial<RevocationRequest>, Partial<RevocableToken>, boolean][] = [
    [{ issuedBefore: NOW }, {}, false],
    [{ issuedBefore: after(1) }, {}, true],
    [{ issuedBefore: after(1) }, { issuedAt: after(1_000) }, false],
    [{ issuedBefore: after(1), upToRevision: 5 }, { issuedAt: after(60_000) }, true],
    [{ issuedBefore: after(1), upToRevision: 4 }, { issuedAt: after(60_000) }, false],
    [{ issuedBefore: after(-60_000) }, { issuedAt: new Date(Number.NaN) }, true],
    [{ issuedBefore: after(-60_000), upToRevision: 4 }, { revision: Number.NaN }, true],
  ]
  for (const [change, token, revoked] of cases) {
    const { revocations, write } = await open(t)
    await write(entry('issued_before', 'x', change))
    assert.equal(revocations.isRevoked({ ...TOKEN, ...token }), revoked, JSON.stringify([change, token]))
  }
})

test('an entry of a kind that only a newer version knows ends everything from before it', async (t) => {
  const { revocations, write } = await open(t)
  await write(entry('jti', 'jti_other'))
  await write(entry('tenant', 'acme', { upToRevision: 1 }))
  assert.equal(revocations.isRevoked({ ...TOKEN, revision: 1 }), true)
  assert.equal(revocations.isRevoked({ ...TOKEN, revision: 2 }), false, 'decided on after it')
})

test('V-20: every kind ends exactly what it names', async (t) => {
  const { revocations, write } = await open(t)
  const others = { jti: 'x', signing_key: 'x', subject: 'x', workload: 'x', policy: 'x', provider: 'x', service: 'x' }
  await write(...Object.entries(others).map(([kind, value]) => entry(kind, value, { upToRevision: 9 })))
  assert.equal(revocations.isRevoked(TOKEN), false)
  const own = {
    jti: { jti: 'x' },
    signing_key: { kid: 'x' },
    subject: { subject: 'x' },
    workload: { workloadIds: ['wl_a', 'x'] },
    policy: { policyId: 'x' },
    provider: { providerIds: ['tp_a', 'x'] },
    service: { serviceId: 'x' },
  }
  for (const [kind, change] of Object.entries(own)) {
    assert.equal(revocations.isRevoked({ ...TOKEN, ...change }), true, kind)
    assert.equal(revocations.isRevoked({ ...TOKEN, ...change, revision: 10 }), false, `${kind}, decided on later`)
  }
})

test('T23: whatever else is revoked, a token that is revoked stays so', async (t) => {
  const { revocations, write } = await open(t)
  await write(entry('subject', TOKEN.subject, { upToRevision: 5 }))
  const kinds = ['jti', 'subject', 'workload', 'policy', 'provider', 'service', 'signing_key', 'issued_before', 'later']
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...kinds),
      fc.constantFrom('jti_a', TOKEN.subject, 'wl_a', 'pol_a', 'x'),
      fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
      async (kind, value, upToRevision) => {
        await write(
          entry(kind, value, { upToRevision, issuedBefore: kind === 'issued_before' ? after(-9e6) : undefined }),
        )
        assert.equal(revocations.isRevoked(TOKEN), true)
      },
    ),
    { numRuns: 60 },
  )
})
