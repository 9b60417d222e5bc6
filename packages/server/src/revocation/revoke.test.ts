import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { findReceipts } from './receipt-store.ts'
import { createRevocations } from './revocations.ts'
import type { RevokeInput } from './revoke.ts'
import { leaseRequest, openReplicas } from './verifiers.fixture.ts'

type Replica = Awaited<ReturnType<typeof openReplicas>>['one']

const SUBJECT: RevokeInput = { kind: 'subject', value: 's', reason: 'leaked', actor: 'local-socket' }

function isRefusedWith(code: string) {
  return (error: unknown) => error instanceof ServiceError && error.code === code
}

async function counts({ database }: Replica) {
  const count = async (table: 'revisions' | 'revocations' | 'receipts' | 'receipt_followers' | 'events') => {
    const row = await database.read
      .selectFrom(table)
      .select(({ fn }) => fn.countAll().as('count'))
      .executeTakeFirstOrThrow()
    return Number(row.count)
  }
  return {
    revisions: await count('revisions'),
    revocations: await count('revocations'),
    receipts: await count('receipts'),
    followers: await count('receipt_followers'),
    events: await count('events'),
  }
}

const NOTHING = { revisions: 0, revocations: 0, receipts: 0, followers: 0, events: 0 }

test('what is not known is refused with the way out, and leaves nothing', async (t) => {
  const { one } = await openReplicas(t)
  const unknown: readonly Pick<RevokeInput, 'kind' | 'value'>[] = [
    { kind: 'jti', value: 'jti_none' },
    { kind: 'workload', value: 'wl_none' },
    { kind: 'subject', value: 'stranger' },
    { kind: 'policy', value: 'pol_none' },
    { kind: 'provider', value: 'tp_none' },
    { kind: 'service', value: 'svc_none' },
    { kind: 'signing_key', value: 'kid-none' },
  ]
  for (const what of unknown) {
    await assert.rejects(one.revoke.revoke({ ...SUBJECT, ...what }), (error) => {
      assert.ok(isRefusedWith('not_found')(error))
      return /`force`/.test((error as ServiceError).detail ?? '')
    })
  }
  assert.deepEqual(await counts(one), NOTHING)
  for (const what of unknown) await one.revoke.revoke({ ...SUBJECT, ...what, force: true })
  assert.equal((await counts(one)).receipts, unknown.length)
})

test('what a restored database has forgotten is refused whatever its revision, and no follower is left out of the receipt', async (t) => {
  const { one } = await openReplicas(t)
  const revocations = await createRevocations({ database: one.database, now: () => new Date() })
  t.after(() => revocations.close())
  assert.equal((await one.leases.grant(leaseRequest())).granted, true)
  const token = {
    ...{ jti: 'j', kid: 'k', subject: 's', workloadIds: ['wl_none'], policyId: 'pol_none', providerIds: ['tp_none'] },
    ...{ serviceId: 'svc_none', issuedAt: new Date(), expiresAt: new Date(Date.now() + 900_000) },
  }
  const others = { workloadIds: ['wl'], policyId: 'pol', providerIds: ['tp'], serviceId: 'svc' }
  const forgotten = [
    ['workload', 'wl_none', { workloadIds: ['wl_none'] }],
    ['policy', 'pol_none', { policyId: 'pol_none' }],
    ['provider', 'tp_none', { providerIds: ['tp_none'] }],
    ['service', 'svc_none', { serviceId: 'svc_none' }],
  ] as const
  for (const [kind, value, own] of forgotten) {
    // Of the history that is lost: the head was further on then.
    const lost = { ...token, ...others, ...own, revision: 1_000 }
    assert.equal(revocations.isRevoked(lost), false, kind)
    const { receiptId } = await one.revoke.revoke({ ...SUBJECT, kind, value, force: true })
    assert.equal(revocations.isRevoked(lost), true, kind)
    const [receipt] = await findReceipts(one.database.read, [receiptId])
    assert.equal((receipt?.facts.effectiveEverywhereAt.getTime() ?? 0) > Date.now() + 10_000, true, kind)
    if (kind !== 'service') assert.equal(receipt?.facts.followers.length, 1, kind)
  }
})

test('an instant that is none or lies in the future is refused, and leaves nothing', async (t) => {
  const { one } = await openReplicas(t)
  const values = [
    '',
    'yesterday',
    '2026-11-24',
    '2026-11-24T10:00:00',
    '2026-13-24T10:00:00Z',
    '1',
    new Date(Date.now() + 60_000).toISOString(),
    '9999-01-01T00:00:00Z',
  ]
  for (const value of values) {
    const revoking = one.revoke.revoke({ ...SUBJECT, kind: 'issued_before', value, force: true })
    await assert.rejects(revoking, isRefusedWith('validation_failed'), value)
  }
  assert.deepEqual(await counts(one), NOTHING)
})

test('a revocation whose event cannot be written has not happened (A-01)', async (t) => {
  const { one } = await openReplicas(t)
  await assert.rejects(one.revoke.revoke({ ...SUBJECT, value: 'x\u0000'.repeat(9_000) }))
  assert.deepEqual(await counts(one), NOTHING)
})

test('invariant 3: entry, event and pending receipt come with one revision, and every live follower is in the receipt', async (t) => {
  const { one, other } = await openReplicas(t)
  const lost = leaseRequest()
  const stock = {
    id: 'svc_stock',
    name: 'stock-api',
    verification: { maxStaleSeconds: 5, onUnavailable: 'deny' },
  } as const
  const requests = [leaseRequest(), leaseRequest({ service: stock, workloadId: 'wl_stock' }), lost]
  for (const request of requests) assert.equal((await other.leases.grant(request)).granted, true)
  await other.leases.end(lost)
  const revoked = await one.revoke.revoke(SUBJECT)
  assert.deepEqual(await counts(one), { revisions: 1, revocations: 1, receipts: 1, followers: 2, events: 1 })
  const receipt = await one.database.read.selectFrom('receipts').selectAll().executeTakeFirstOrThrow()
  assert.deepEqual(
    [receipt.id, receipt.state, receipt.revision, receipt.event_id, receipt.committed_at],
    [revoked.receiptId, 'pending', revoked.revision, revoked.eventId, revoked.committedAt.getTime()],
  )
  const event = await one.eventLog.get(revoked.eventId)
  assert.equal(event?.kind, 'revocation.created')
  assert.deepEqual(event?.data, {
    kind: 'subject',
    value: 's',
    revision: 1,
    reason: 'leaked',
    receipt: revoked.receiptId,
    followers: 2,
    up_to_revision: 0,
  })
  const policy = await one.revoke.revoke({ ...SUBJECT, kind: 'policy', value: 'pol_stock' })
  const concerned = await one.database.read
    .selectFrom('receipt_followers')
    .select('service_id')
    .where('receipt_id', '=', policy.receiptId)
    .execute()
  assert.deepEqual(concerned, [{ service_id: 'svc_stock' }], 'only who has something to refuse')
})

test('what it revokes is refused here when it resolves, and what is decided on afterwards is not', async (t) => {
  const { one } = await openReplicas(t)
  const revocations = await createRevocations({ database: one.database, now: () => new Date() })
  t.after(() => revocations.close())
  const token = (revision: number, issuedAt = new Date()) => ({
    ...{ jti: 'jti_a', kid: 'kid-2', subject: 's', workloadIds: ['wl_ci'], policyId: 'pol_deploy' },
    ...{ providerIds: ['tp_github'], serviceId: 'svc_orders', revision, issuedAt },
    expiresAt: new Date(Date.now() + 600_000),
  })
  const cases: readonly [RevokeInput['kind'], string][] = [
    ['subject', 's'],
    ['workload', 'wl_ci'],
    ['policy', 'pol_deploy'],
    ['provider', 'tp_github'],
    ['service', 'svc_orders'],
    ['issued_before', 'now'],
  ]
  for (const [kind, value] of cases) {
    const { revision } = await one.revoke.revoke({ ...SUBJECT, kind, value })
    assert.equal(revocations.isRevoked(token(revision - 1)), true, kind)
    // Dated ahead by a clock that was fast: the revision tells.
    assert.equal(revocations.isRevoked(token(revision - 1, new Date(Date.now() + 30_000))), true, kind)
    assert.equal(revocations.isRevoked(token(revision, new Date(Date.now() + 1))), false, kind)
  }
})

test('everything before an earlier instant leaves what was issued after it', async (t) => {
  const { one } = await openReplicas(t)
  const instant = new Date(Date.now() - 600_000)
  await one.revoke.revoke({ ...SUBJECT, kind: 'issued_before', value: instant.toISOString() })
  const [entry] = (await one.feed.page({ after: 0 })).entries
  assert.deepEqual(
    [entry?.kind, entry?.value, entry?.issuedBefore, entry?.upToRevision],
    ['issued_before', instant.toISOString(), instant, undefined],
  )
})

test('a signing key is revoked for years, its successor with it, under one receipt', async (t) => {
  const { one } = await openReplicas(t)
  const { receiptId } = await one.database.transaction((tx) =>
    one.revoke.commit(tx, { kind: 'signing_key', values: ['kid-1', 'kid-2'], reason: 'copied', actor: 'local-socket' }),
  )
  const { entries } = await one.feed.page({ after: 0 })
  assert.deepEqual(
    entries.map(({ value, revision }) => [value, revision]),
    [
      ['kid-1', 1],
      ['kid-2', 1],
    ],
  )
  assert.equal((entries[0]?.expiresAt.getTime() ?? 0) > Date.now() + 9 * 365 * 86_400_000, true)
  assert.match(receiptId, /^rcpt_/)
  assert.equal((await counts(one)).receipts, 1)
})
