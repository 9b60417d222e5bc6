import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Attestation } from '../attestors/index.ts'
import { compilePolicies } from './compile-policies.ts'
import { conditionsFixture } from './conditions.fixture.ts'
import {
  attestationFixture,
  claimsFixture,
  NOW,
  PRESET,
  policyFixture,
  providerFixture,
  requestFixture,
  serviceFixture,
} from './policy.fixture.ts'
import type { Decision, GrantRequest, TrustPolicy } from './types.ts'

function decide(
  policies: readonly TrustPolicy[],
  attestation: Partial<Attestation> = {},
  request: Partial<GrantRequest> = {},
  now = NOW,
): Decision {
  return compilePolicies(policies).decide({
    attestation: attestationFixture(attestation),
    request: requestFixture(request),
    now,
  })
}

function denied(decision: Decision): Decision & { allowed: false } {
  if (decision.allowed) assert.fail(`was allowed by ${decision.policy.id}`)
  return decision
}

function allowed(decision: Decision): Decision & { allowed: true } {
  if (!decision.allowed) assert.fail(`was denied: ${decision.code}`)
  return decision
}

const grant = (scopes: readonly string[], ttlSeconds = 900) => ({ service: serviceFixture(), scopes, ttlSeconds })
const limits = (values: TrustPolicy['limits']) => policyFixture({ limits: values })
const pullRequest = { claims: claimsFixture({ event_name: 'pull_request' }) }
const pullRequestTarget = { claims: claimsFixture({ event_name: 'pull_request_target' }) }

describe('decide: default deny (S-03, S-10)', () => {
  test('denies when there is no policy', () => assert.equal(denied(decide([])).code, 'no_matching_policy'))
  test('denies an audience that no service has', () => {
    assert.equal(denied(decide([policyFixture()], {}, { service: undefined })).code, 'unknown_audience')
  })
  test('denies a service that is disabled', () => {
    const service = serviceFixture({ enabled: false })
    assert.equal(denied(decide([policyFixture()], {}, { service })).code, 'unknown_audience')
  })
  test('denies a provider that is disabled', () => {
    const provider = providerFixture({ enabled: false })
    assert.equal(denied(decide([policyFixture()], { provider })).code, 'no_matching_policy')
  })
  test('never uses a disabled policy', () => {
    assert.equal(denied(decide([policyFixture({ enabled: false })])).code, 'no_matching_policy')
  })
  test('T19: never uses a policy of another provider, whatever the claims say', () => {
    const provider = providerFixture({ id: 'tp_other' })
    assert.equal(denied(decide([policyFixture()], { provider })).code, 'no_matching_policy')
  })
  test('S-04: never uses a policy of another service', () => {
    const service = serviceFixture({ id: 'svc_other' })
    assert.equal(denied(decide([policyFixture()], {}, { service })).code, 'no_matching_policy')
  })
  test('never matches a policy without conditions', () => {
    assert.equal(denied(decide([policyFixture({ conditions: [] })])).code, 'no_matching_policy')
  })
  test('denies when a claim is absent, and names it', () => {
    const decision = denied(decide([policyFixture()], { claims: claimsFixture({ ref: undefined }) }))
    assert.equal(decision.code, 'no_matching_policy')
    assert.equal(decision.nearestPolicyId, 'pol_deploy')
    assert.deepEqual(decision.firstFailing, { claim: 'ref', outcome: 'absent' })
  })
  test('takes a claim that came with a wrong type for no absent claim', () => {
    const policy = policyFixture({ conditions: [{ claim: 'environment', operator: 'exists', value: false }] })
    const claims = claimsFixture({ environment: undefined })
    const decision = denied(decide([policy], { claims, mistypedClaims: ['environment'] }))
    assert.deepEqual(decision.firstFailing, { claim: 'environment', outcome: 'wrong_type' })
    allowed(decide([policy], { claims }))
  })
  test('names the policy with the fewest failing conditions', () => {
    const far = policyFixture({ id: 'pol_a', conditions: conditionsFixture({ repository_id: '9', ref: 'x' }) })
    const near = policyFixture({ id: 'pol_b', conditions: conditionsFixture({ repository_id: '456', ref: 'x' }) })
    const decision = denied(decide([far, near]))
    assert.equal(decision.nearestPolicyId, 'pol_b')
    assert.deepEqual(decision.firstFailing, { claim: 'ref', outcome: 'different' })
  })
})

describe('decide: which denial is told', () => {
  const expired = policyFixture({ id: 'pol_c', expiresAt: NOW })
  const elsewhere = policyFixture({ id: 'pol_d', limits: { sourceAddresses: ['198.51.100.0/24'] } })
  const scoped = policyFixture({ id: 'pol_e', grant: grant(['orders:read']) })
  test('the one of the policy that got furthest, in any order', () => {
    for (const policies of [
      [expired, elsewhere],
      [elsewhere, expired],
    ]) {
      const decision = denied(decide(policies))
      assert.deepEqual([decision.code, decision.nearestPolicyId], ['outside_limits', 'pol_d'])
    }
    for (const policies of [
      [scoped, expired, elsewhere],
      [elsewhere, scoped, expired],
    ]) {
      const decision = denied(decide(policies, {}, { scopes: ['orders:deploy'] }))
      assert.deepEqual([decision.code, decision.nearestPolicyId], ['scope_not_granted', 'pol_e'])
    }
  })
  test('of equal ones that with the first id, in any order', () => {
    const twin = { ...expired, id: 'pol_b' }
    assert.equal(denied(decide([expired, twin])).nearestPolicyId, 'pol_b')
    assert.equal(denied(decide([twin, expired])).nearestPolicyId, 'pol_b')
    const [left, right] = ['pol_1', 'pol_2'].map((id) =>
      policyFixture({ id, conditions: conditionsFixture({ ref: 'x' }) }),
    )
    assert.ok(left && right)
    assert.equal(denied(decide([right, left])).nearestPolicyId, 'pol_1')
    assert.equal(denied(decide([left, right])).nearestPolicyId, 'pol_1')
  })
  test('a policy that matches and refuses says more than one that nearly matches', () => {
    const near = policyFixture({ id: 'pol_a', conditions: conditionsFixture({ ref: 'x' }) })
    assert.equal(denied(decide([near, expired])).code, 'policy_expired')
  })
  test('ambiguous policies are told by the first id', () => {
    const left = policyFixture({ id: 'pol_2' })
    const right = policyFixture({ id: 'pol_1' })
    assert.equal(denied(decide([left, right])).nearestPolicyId, 'pol_1')
  })
})

describe('decide: dangers (T21)', () => {
  test('refuses pull_request_target though every condition holds', () => {
    assert.equal(denied(decide([policyFixture()], pullRequestTarget)).code, 'dangerous_proof')
  })
  test('refuses pull_request_target also for read scopes', () => {
    const policy = policyFixture({ grant: grant(['orders:read']) })
    assert.equal(denied(decide([policy], pullRequestTarget)).code, 'dangerous_proof')
  })
  test('refuses pull_request for a scope that changes something', () => {
    assert.equal(denied(decide([policyFixture()], pullRequest)).code, 'dangerous_proof')
  })
  test('refuses pull_request when only one of the scopes changes something', () => {
    const policy = policyFixture({ grant: grant(['orders:read', 'orders:write']) })
    assert.equal(denied(decide([policy], pullRequest)).code, 'dangerous_proof')
  })
  test('a glob, a notIn and an exists that a dangerous value meets do not name it', () => {
    for (const condition of [
      { claim: 'event_name', operator: 'glob', pattern: 'pull_request*' },
      { claim: 'event_name', operator: 'notIn', values: ['schedule'] },
      { claim: 'event_name', operator: 'exists', value: true },
    ] as const) {
      const policy = policyFixture({ conditions: [condition] })
      assert.equal(denied(decide([policy], pullRequestTarget)).code, 'dangerous_proof')
    }
  })
  test('a proof without the claim that would tell is dangerous', () => {
    const claims = claimsFixture({ event_name: undefined })
    assert.equal(denied(decide([policyFixture()], { claims })).code, 'dangerous_proof')
  })
  test('another letter case does not get around a danger', () => {
    const claims = claimsFixture({ event_name: 'Pull_Request_Target' })
    assert.equal(denied(decide([policyFixture()], { claims })).code, 'dangerous_proof')
  })
  test('one dangerous element of a list is enough, unless it is named', () => {
    const preset = {
      ...PRESET,
      dangers: [{ claim: 'groups', values: ['guests'], refuse: 'always', why: 'w', fix: 'f' } as const],
    }
    const attestation = { provider: providerFixture({ preset }), claims: claimsFixture({ groups: ['dev', 'guests'] }) }
    const named = (value: string) => policyFixture({ conditions: [{ claim: 'groups', operator: 'eq', value }] })
    assert.equal(denied(decide([named('dev')], attestation)).code, 'dangerous_proof')
    allowed(decide([named('guests')], attestation))
  })
  test('T34: naming a danger follows the case rule of its claim, and its type', () => {
    const dangers = [{ claim: 'owner', values: ['Evil', true], refuse: 'always', why: 'w', fix: 'f' } as const]
    const provider = providerFixture({ preset: { ...PRESET, dangers } })
    const owner = (value: string | boolean, foldCase: boolean) =>
      policyFixture({
        conditions: [{ claim: 'owner', operator: 'in', values: [value], ...(foldCase ? { foldCase } : {}) }],
      })
    const evil = { provider, claims: claimsFixture({ owner: 'evil' }) }
    allowed(decide([owner('EVIL', true)], evil))
    allowed(decide([owner('evil', false)], evil))
    allowed(decide([owner(true, true)], { provider, claims: claimsFixture({ owner: true }) }))
    const other = policyFixture({
      conditions: [
        { claim: 'groups', operator: 'eq', value: 'evil' },
        { claim: 'ref', operator: 'exists', value: true },
      ],
    })
    const claims = claimsFixture({ owner: 'evil', groups: ['evil'] })
    assert.equal(denied(decide([other], { provider, claims })).code, 'dangerous_proof')
  })
  test('pull_request is allowed for read scopes', () => {
    allowed(decide([policyFixture({ grant: grant(['orders:read']) })], pullRequest))
    const both = policyFixture({ grant: grant(['orders:read', 'orders:write']) })
    allowed(decide([both], pullRequest, { scopes: ['orders:read'] }))
  })
  test('a policy that names the value with in or eq allows it', () => {
    const named = policyFixture({
      conditions: [{ claim: 'event_name', operator: 'in', values: ['push', 'pull_request_target'] }],
    })
    allowed(decide([named], pullRequestTarget))
  })
})

describe('decide: limits', () => {
  test('S-14: a policy with a sender constraint grants nothing without the proof that it names', () => {
    const cases = [
      ['dpop', undefined],
      ['dpop', 'mtls'],
      ['mtls', undefined],
      ['mtls', 'dpop'],
      ['any', undefined],
    ] as const
    for (const [senderConstraint, offered] of cases) {
      const decision = denied(decide([limits({ senderConstraint })], {}, { senderConstraint: offered }))
      assert.deepEqual([decision.code, decision.nearestPolicyId], ['sender_constraint_required', 'pol_deploy'])
    }
  })

  test('S-14: the sender constraint is told last, to callers that lack nothing else', () => {
    const policy = limits({ senderConstraint: 'dpop' })
    assert.equal(denied(decide([policy], {}, { scopes: ['orders:admin'] })).code, 'scope_not_granted')
    const old = { issuedAt: new Date(NOW.getTime() - 120_000) }
    const both = limits({ senderConstraint: 'dpop', maxProofAgeSeconds: 60 })
    assert.equal(denied(decide([both], old)).code, 'proof_too_old')
  })

  test('a proof of the named kind grants, `any` takes either, and the stricter of two policies wins', () => {
    for (const senderConstraint of ['dpop', 'mtls'] as const) {
      allowed(decide([limits({ senderConstraint })], {}, { senderConstraint }))
      allowed(decide([limits({ senderConstraint: 'any' })], {}, { senderConstraint }))
      allowed(decide([limits({})], {}, { senderConstraint }))
      const [strict, loose] = [limits({ senderConstraint }), { ...limits({ senderConstraint: 'any' }), id: 'pol_any' }]
      assert.equal(allowed(decide([loose, strict], {}, { senderConstraint })).policy.id, strict.id)
    }
  })

  test('T37: refuses a proof that is older than the policy allows', () => {
    const old = { issuedAt: new Date(NOW.getTime() - 61_000) }
    assert.equal(denied(decide([limits({ maxProofAgeSeconds: 60 })], old)).code, 'proof_too_old')
  })
  test('accepts a proof of exactly the greatest age', () => {
    allowed(decide([limits({ maxProofAgeSeconds: 60 })], { issuedAt: new Date(NOW.getTime() - 60_000) }))
  })
  test('a policy cannot raise the age that the provider allows', () => {
    const provider = providerFixture({ freshness: { ...PRESET.freshness, maxProofAgeSeconds: 60 } })
    const old = { provider, issuedAt: new Date(NOW.getTime() - 61_000) }
    assert.equal(denied(decide([limits({ maxProofAgeSeconds: 600 })], old)).code, 'proof_too_old')
  })
  test('refuses a proof whose age cannot be computed', () => {
    const decision = decide([limits({ maxProofAgeSeconds: 60 })], { issuedAt: new Date(Number.NaN) })
    assert.equal(denied(decision).code, 'proof_too_old')
  })
  for (const remoteAddress of ['203.0.113.1', '2001:db8::1', 'unknown', undefined]) {
    test(`refuses the source address ${remoteAddress} outside the ranges`, () => {
      const policy = limits({ sourceAddresses: ['192.0.2.0/24'] })
      assert.equal(denied(decide([policy], {}, { remoteAddress })).code, 'outside_limits')
    })
  }
  test('accepts a source address inside, also IPv4-mapped', () => {
    const policy = limits({ sourceAddresses: ['192.0.2.0/24'] })
    allowed(decide([policy], {}, { remoteAddress: '192.0.2.1' }))
    allowed(decide([policy], {}, { remoteAddress: '::ffff:192.0.2.1' }))
  })
  test('refuses when the clock gives no time', () => {
    const now = new Date(Number.NaN)
    assert.equal(denied(decide([policyFixture()], {}, {}, now)).code, 'outside_limits')
    const timeWindow = { days: ['tue'], fromMinute: 0, toMinute: 1440, timeZone: 'UTC' } as const
    assert.equal(denied(decide([limits({ timeWindow })], {}, {}, now)).code, 'outside_limits')
  })
  test('refuses before, after and on other days than the time window', () => {
    const window = { days: ['tue'], fromMinute: 480, toMinute: 1080, timeZone: 'Europe/Vienna' } as const
    const at = (instant: string) => {
      const now = new Date(instant)
      return decide([limits({ timeWindow: window })], { issuedAt: now }, {}, now)
    }
    // Vienna is UTC+1 in November and UTC+2 in July.
    assert.equal(denied(at('2026-11-24T06:59:59Z')).code, 'outside_limits')
    assert.equal(denied(at('2026-11-24T17:00:00Z')).code, 'outside_limits')
    assert.equal(denied(at('2026-11-25T12:00:00Z')).code, 'outside_limits')
    assert.equal(denied(at('2026-07-21T05:59:00Z')).code, 'outside_limits')
    allowed(at('2026-11-24T07:00:00Z'))
    allowed(at('2026-11-24T16:59:59Z'))
    allowed(at('2026-07-21T06:00:00Z'))
  })
  test('S-07: uses are the least of preset, provider and policy', () => {
    const uses = (policy: TrustPolicy, provider = providerFixture()) =>
      allowed(decide([policy], { provider })).grant.uses
    assert.deepEqual(uses(limits({})), { maxUses: 20 })
    assert.deepEqual(uses(limits({ maxUses: 40 })), { maxUses: 20 })
    assert.deepEqual(uses(limits({ maxUses: 3 })), { maxUses: 3 })
    const lower = providerFixture({ freshness: { ...PRESET.freshness, maxUses: 2 } })
    assert.deepEqual(uses(limits({ maxUses: 3 }), lower), { maxUses: 2 })
  })
  test('S-07: what nobody states is one use', () => {
    const preset = { ...PRESET, freshness: { class: 'per-request', maxLifetimeSeconds: 60 } as const }
    const provider = providerFixture({ preset, freshness: preset.freshness })
    assert.deepEqual(allowed(decide([policyFixture()], { provider })).grant.uses, { maxUses: 1 })
  })
  test('a limit that counts in another way than the proof is no grant', () => {
    const cached = { class: 'cached', usesPerMinute: 20, maxLifetimeSeconds: 60 } as const
    const provider = providerFixture({ preset: { ...PRESET, freshness: cached }, freshness: cached })
    assert.equal(denied(decide([limits({ maxUses: 1 })], { provider })).code, 'outside_limits')
    assert.equal(denied(decide([limits({ usesPerMinute: 1 })])).code, 'outside_limits')
    const decision = allowed(decide([limits({ usesPerMinute: 5 })], { provider }))
    assert.deepEqual(decision.grant.uses, { usesPerMinute: 5 })
  })
})

describe('decide: lifetime (S-05)', () => {
  const lifetime = (policy: TrustPolicy, ttlSeconds?: number, provider = providerFixture()) =>
    allowed(decide([policy], { provider }, { ttlSeconds })).grant.ttlSeconds
  test('refuses an expired policy, to the millisecond', () => {
    assert.equal(denied(decide([policyFixture({ expiresAt: NOW })])).code, 'policy_expired')
    assert.equal(denied(decide([policyFixture({ expiresAt: new Date(Number.NaN) })])).code, 'policy_expired')
  })
  test('refuses a policy that has less than a second left rather than outliving it', () => {
    const expiresAt = new Date(NOW.getTime() + 999)
    assert.equal(denied(decide([policyFixture({ expiresAt })])).code, 'policy_expired')
  })
  test('grants the last whole second of a policy', () => {
    assert.equal(lifetime(policyFixture({ expiresAt: new Date(NOW.getTime() + 1000) })), 1)
  })
  test('refuses a request for no time at all', () => {
    for (const ttlSeconds of [0, -5, Number.NaN]) denied(decide([policyFixture()], {}, { ttlSeconds }))
  })
  test('is the policy’s at most, whatever is requested', () => assert.equal(lifetime(policyFixture(), 86_400), 900))
  test('is the request’s when that is shorter', () => assert.equal(lifetime(policyFixture(), 60), 60))
  test('is the provider’s when that is shorter', () => {
    assert.equal(lifetime(policyFixture(), undefined, providerFixture({ maxTtlSeconds: 120 })), 120)
  })
  test('ends with the policy', () => {
    assert.equal(lifetime(policyFixture({ expiresAt: new Date(NOW.getTime() + 100_900) })), 100)
  })
  test('D-702: is never above an hour', () => {
    assert.equal(lifetime(policyFixture({ grant: grant(['orders:deploy'], 86_400) })), 3600)
  })
})

describe('decide: scopes and selection (S-04)', () => {
  const read = policyFixture({ id: 'pol_read', grant: grant(['orders:read']) })
  const write = policyFixture({ id: 'pol_write', grant: grant(['orders:write']) })
  const both = policyFixture({ id: 'pol_both', grant: grant(['orders:read', 'orders:write']) })

  test('refuses a scope that the policy does not have, and grants none of the others', () => {
    const decision = denied(decide([read], {}, { scopes: ['orders:read', 'orders:write'] }))
    assert.equal(decision.code, 'scope_not_granted')
    assert.equal(decision.nearestPolicyId, 'pol_read')
  })
  test('scopes of two policies never add up', () => {
    const decision = denied(decide([read, write], {}, { scopes: ['orders:read', 'orders:write'] }))
    assert.equal(decision.code, 'scope_not_granted')
  })
  test('says scope_not_granted only when a policy matches', () => {
    const other = policyFixture({
      conditions: conditionsFixture({ repository_id: '9' }),
      grant: grant(['orders:read']),
    })
    assert.equal(denied(decide([other], {}, { scopes: ['orders:write'] })).code, 'no_matching_policy')
  })
  test('two grants of which none is smaller are ambiguous', () => {
    assert.equal(denied(decide([read, write])).code, 'ambiguous_policy')
  })
  test('two equal grants are ambiguous: nothing says which policy a revocation would have to name', () => {
    const twin = { ...read, id: 'pol_twin' }
    assert.equal(denied(decide([read, twin])).code, 'ambiguous_policy')
  })
  test('limits that are stricter in one thing and looser in another are ambiguous', () => {
    const short = policyFixture({ id: 'pol_a', grant: grant(['orders:deploy'], 60) })
    const fresh = policyFixture({ id: 'pol_b', limits: { maxProofAgeSeconds: 60 } })
    assert.equal(denied(decide([short, fresh])).code, 'ambiguous_policy')
  })
  test('address ranges that only overlap are ambiguous', () => {
    const left = { ...limits({ sourceAddresses: ['192.0.2.0/24', '10.0.0.0/8'] }), id: 'pol_a' }
    const right = { ...limits({ sourceAddresses: ['192.0.2.0/24', '172.16.0.0/12'] }), id: 'pol_b' }
    assert.equal(denied(decide([left, right])).code, 'ambiguous_policy')
  })
  test('an ambiguity that a third, smaller policy settles is none', () => {
    const narrow = policyFixture({ id: 'pol_narrow', grant: grant(['orders:read']) })
    const left = policyFixture({ id: 'pol_left', grant: grant(['orders:read', 'orders:write']) })
    const right = policyFixture({ id: 'pol_right', grant: grant(['orders:read', 'orders:deploy']) })
    assert.equal(denied(decide([left, right])).code, 'ambiguous_policy')
    assert.equal(allowed(decide([left, narrow, right])).policy.id, 'pol_narrow')
  })
  test('the smallest grant that covers the request wins', () => {
    assert.equal(allowed(decide([both, read])).policy.id, 'pol_read')
    assert.deepEqual(allowed(decide([both, read])).grant.scopes, ['orders:read'])
    assert.equal(allowed(decide([both, read], {}, { scopes: ['orders:write'] })).policy.id, 'pol_both')
  })
  test('with equal scopes the stricter limits win', () => {
    const short = policyFixture({ id: 'pol_short', grant: grant(['orders:deploy'], 60) })
    assert.equal(allowed(decide([policyFixture(), short])).policy.id, 'pol_short')
    const inner = { ...limits({ sourceAddresses: ['192.0.2.128/25'] }), id: 'pol_inner' }
    assert.equal(allowed(decide([limits({ sourceAddresses: ['192.0.2.0/24'] }), inner])).policy.id, 'pol_inner')
  })
  test('grants exactly the requested scopes, in the order of the policy and without repetition', () => {
    const decision = decide([both], {}, { scopes: ['orders:write', 'orders:read', 'orders:write'] })
    assert.deepEqual(allowed(decision).grant.scopes, ['orders:read', 'orders:write'])
    assert.deepEqual(allowed(decide([both], {}, { scopes: ['orders:write'] })).grant.scopes, ['orders:write'])
  })
  test('the scope that google-auth always sends counts as none', () => {
    const google = 'https://www.googleapis.com/auth/cloud-platform'
    assert.deepEqual(allowed(decide([read], {}, { scopes: [google] })).grant.scopes, ['orders:read'])
    assert.deepEqual(allowed(decide([read], {}, { scopes: [] })).grant.scopes, ['orders:read'])
    const decision = decide([read], {}, { scopes: [google, 'orders:write'] })
    assert.equal(denied(decision).code, 'scope_not_granted')
  })
})

describe('decide: shadow policies', () => {
  const shadow = policyFixture({ id: 'pol_shadow', mode: 'shadow', grant: grant(['orders:admin']) })
  test('a shadow policy alone grants nothing, and is named', () => {
    const decision = denied(decide([shadow]))
    assert.equal(decision.code, 'no_matching_policy')
    assert.equal(decision.nearestPolicyId, undefined)
    assert.deepEqual(decision.shadow, ['pol_shadow'])
  })
  test('a smaller shadow policy does not displace an enforced one, nor make it ambiguous', () => {
    const decision = allowed(decide([shadow, policyFixture()]))
    assert.equal(decision.policy.id, 'pol_deploy')
    assert.deepEqual(decision.shadow, ['pol_shadow'])
  })
  test('a shadow policy that would not have granted is not named', () => {
    assert.deepEqual(decide([{ ...shadow, expiresAt: NOW }]).shadow, [])
    assert.deepEqual(decide([{ ...shadow, conditions: conditionsFixture({ ref: 'x' }) }]).shadow, [])
    assert.deepEqual(decide([shadow], pullRequest).shadow, [])
    assert.deepEqual(decide([shadow], {}, { scopes: ['orders:read'] }).shadow, [])
  })
})
