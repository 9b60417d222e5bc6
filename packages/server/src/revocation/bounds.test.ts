import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BoundsInput, computeBounds, type OutstandingLease } from './bounds.ts'
import { FACTS } from './verifiers.fixture.ts'

const COMMITTED = new Date('2026-11-24T10:00:00.000Z')
const after = (ms: number) => new Date(COMMITTED.getTime() + ms)
const TTL_900 = 900_000 + 70_000
const TTL_3600 = 3_600_000 + 70_000

function lease(change: Partial<OutstandingLease> = {}): OutstandingLease {
  return {
    followerId: 'wl_orders/AAAA',
    workloadId: 'wl_orders',
    serviceId: 'svc_orders',
    leaseUntil: after(20_000),
    onUnavailable: 'deny',
    ...change,
  }
}

function bounds(change: Partial<BoundsInput> = {}) {
  const { services, followers, effectiveEverywhereAt } = computeBounds({
    kind: 'subject',
    value: 's',
    isKnown: true,
    committedAt: COMMITTED,
    aheadMs: 0,
    leases: [],
    facts: FACTS,
    issuance: undefined,
    managementId: 'svc_management',
    ...change,
  })
  return {
    services: Object.fromEntries(services.map(({ id, why, mayAcceptUntil }) => [id, [why, ms(mayAcceptUntil)]])),
    counts: Object.fromEntries(services.map(({ id, followers: count }) => [id, count])),
    followers: followers.map(({ id }) => id),
    everywhere: ms(effectiveEverywhereAt),
  }
}

function ms(instant: Date | undefined): number | undefined {
  return instant && instant.getTime() - COMMITTED.getTime()
}

test('without followers a service may accept until the last token that can be out has expired', () => {
  assert.deepEqual(bounds().services, {
    svc_management: ['server', 6_000],
    svc_orders: ['no_followers', TTL_900],
    svc_stock: ['no_followers', TTL_3600],
  })
  assert.equal(bounds().everywhere, TTL_3600)
})

test('with followers that deny, until the last lease ends', () => {
  const leases = [lease(), lease({ followerId: 'wl_orders/BBBB', leaseUntil: after(29_000) })]
  const { services, counts, followers } = bounds({ leases })
  assert.deepEqual(services['svc_orders'], ['followers', 29_000])
  assert.equal(counts['svc_orders'], 2)
  assert.deepEqual(followers, ['wl_orders/AAAA', 'wl_orders/BBBB'])
})

test('a lease that has ended is no follower’s: its holder refuses', () => {
  const { services, followers } = bounds({ leases: [lease({ leaseUntil: after(-1) })] })
  assert.deepEqual(services['svc_orders'], ['no_followers', TTL_900])
  assert.deepEqual(followers, [])
})

test('one follower that goes on without a lease makes the tokens’ expiry the bound, also when its lease has ended', () => {
  for (const leaseUntil of [after(20_000), after(-3_600_000)]) {
    const leases = [lease(), lease({ followerId: 'wl_orders/LKG', leaseUntil, onUnavailable: 'last-known-good' })]
    assert.deepEqual(bounds({ leases }).services['svc_orders'], ['last_known_good', TTL_900])
  }
  const services = FACTS.services.map((service) => ({ ...service, lastKnownGood: service.id === 'svc_orders' }))
  const told = bounds({ leases: [lease()], facts: { ...FACTS, services } })
  assert.deepEqual(told.services['svc_orders'], ['last_known_good', TTL_900], 'the service has said so')
})

test('a word that is not `deny` counts as going on', () => {
  const leases = [lease({ onUnavailable: 'whatever' })]
  assert.deepEqual(bounds({ leases }).services['svc_orders'], ['last_known_good', TTL_900])
})

test('a jti that is known concerns its service alone, until exactly its expiry', () => {
  const issuance = { serviceId: 'svc_orders', expiresAt: after(300_000) }
  const leases = [lease({ serviceId: 'svc_stock', followerId: 'wl_stock/A' })]
  const known = bounds({ kind: 'jti', value: 'jti_a', issuance, leases })
  assert.deepEqual(known.services, { svc_orders: ['no_followers', 360_000] })
  assert.deepEqual(known.followers, [], 'others have nothing to refuse')
  const expired = { serviceId: 'svc_orders', expiresAt: after(-120_000) }
  const over = bounds({ kind: 'jti', value: 'jti_a', issuance: expired })
  assert.deepEqual(over.services, { svc_orders: ['no_followers', undefined] })
  assert.equal(over.everywhere, 0)
  const management = { serviceId: 'svc_management', expiresAt: after(300_000) }
  assert.deepEqual(bounds({ kind: 'jti', issuance: management }).services, { svc_management: ['server', 6_000] })
  assert.equal(Object.keys(bounds({ kind: 'jti', value: 'jti_unknown' }).services).length, 3, 'of an unknown one: all')
})

test('a policy, provider or service concerns what was granted through it', () => {
  assert.deepEqual(Object.keys(bounds({ kind: 'policy', value: 'pol_stock' }).services), ['svc_stock'])
  assert.deepEqual(Object.keys(bounds({ kind: 'provider', value: 'tp_github' }).services), [
    'svc_management',
    'svc_orders',
  ])
  assert.deepEqual(Object.keys(bounds({ kind: 'service', value: 'svc_orders' }).services), ['svc_orders'])
  const leases = [lease({ serviceId: 'svc_idle', followerId: 'wl_idle/A' })]
  assert.deepEqual(bounds({ kind: 'service', value: 'svc_idle', leases }).services, { svc_idle: ['followers', 20_000] })
  assert.deepEqual(bounds({ kind: 'policy', value: 'pol_none' }).services, {})
})

test('what is revoked by force may be anywhere: every service counts, for the longest life, and every follower', () => {
  const leases = [lease(), lease({ serviceId: 'svc_idle', followerId: 'wl_idle/A' })]
  for (const kind of ['policy', 'provider', 'workload', 'subject', 'jti']) {
    const { services, followers } = bounds({ kind, value: 'gone', isKnown: false, leases })
    assert.deepEqual(services, {
      svc_idle: ['followers', 20_000],
      svc_management: ['server', 6_000],
      svc_orders: ['followers', 20_000],
      svc_stock: ['no_followers', TTL_3600],
    })
    assert.deepEqual(followers, ['wl_orders/AAAA', 'wl_idle/A'])
  }
  assert.deepEqual(bounds({ kind: 'service', value: 'svc_gone', isKnown: false }).services, {
    svc_gone: ['no_followers', TTL_3600],
  })
})

test('G-07: a stolen key signs what it likes for any service, until verifiers that do not follow drop it from their key sets', () => {
  const facts = { ...FACTS, grants: [] }
  const { services } = bounds({ kind: 'signing_key', value: 'kid-1', facts, leases: [lease()] })
  assert.deepEqual(services, {
    svc_management: ['server', 6_000],
    svc_orders: ['followers', 20_000],
    svc_stock: ['no_followers', 86_400_000 + 70_000],
  })
})

test('a clock that was ahead when tokens were dated moves their expiry', () => {
  assert.deepEqual(bounds({ aheadMs: 30_000 }).services['svc_orders'], ['no_followers', TTL_900 + 30_000])
})

test('the bound of all is the latest of all, and no follower of a concerned service is left out', () => {
  const leases = fc.array(
    fc.record({
      followerId: fc.uuid(),
      workloadId: fc.constant('wl_a'),
      serviceId: fc.constantFrom('svc_orders', 'svc_stock', 'svc_other'),
      leaseUntil: fc.integer({ min: -60_000, max: 3_600_000 }).map(after),
      onUnavailable: fc.constantFrom('deny', 'last-known-good'),
    }),
  )
  fc.assert(
    fc.property(fc.constantFrom('subject', 'workload', 'signing_key', 'issued_before'), leases, (kind, outstanding) => {
      const result = computeBounds({
        ...{ kind, value: 'x', isKnown: true, committedAt: COMMITTED, aheadMs: 0, leases: outstanding, facts: FACTS },
        ...{ issuance: undefined, managementId: 'svc_management' },
      })
      const untils = result.services.map(({ mayAcceptUntil }) => mayAcceptUntil?.getTime() ?? COMMITTED.getTime())
      assert.equal(result.effectiveEverywhereAt.getTime(), Math.max(...untils))
      const live = outstanding.filter(({ leaseUntil }) => leaseUntil >= COMMITTED)
      assert.deepEqual(result.followers.map(({ id }) => id).sort(), live.map(({ followerId }) => followerId).sort())
      for (const { serviceId, leaseUntil } of live) {
        const service = result.services.find(({ id }) => id === serviceId)
        assert.equal(
          (service?.mayAcceptUntil?.getTime() ?? 0) >= leaseUntil.getTime() || +leaseUntil === +COMMITTED,
          true,
        )
      }
    }),
  )
})
