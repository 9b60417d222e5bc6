import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Attestation } from '../attestors/index.ts'
import { arbitraryAttestation, arbitraryPolicies, arbitraryPolicy, arbitraryRequest } from './arbitrary.fixture.ts'
import { compilePolicies } from './compile-policies.ts'
import { decideAmong, denyWithoutPolicies } from './decide.ts'
import { NOW, serviceFixture } from './policy.fixture.ts'
import { createPreparer } from './ready-policy.ts'
import type { Decision, GrantRequest, TrustPolicy } from './types.ts'

const RUNS = { numRuns: 1000 }

function decide(policies: readonly TrustPolicy[], attestation: Attestation, request: GrantRequest): Decision {
  return compilePolicies(policies).decide({ attestation, request, now: NOW })
}

/** The same decision from a plain list that is asked from front to back. */
function decideLinearly(policies: readonly TrustPolicy[], attestation: Attestation, request: GrantRequest): Decision {
  const relevant = policies.filter(
    (policy) =>
      policy.enabled &&
      policy.providerId === attestation.provider.id &&
      policy.grant.service.id === request.service?.id,
  )
  if (relevant.length === 0) return denyWithoutPolicies(request.service)
  const prepare = createPreparer()
  const enforced = relevant.filter((policy) => policy.mode === 'enforce').map(prepare)
  const shadowed = relevant.filter((policy) => policy.mode === 'shadow').map(prepare)
  return decideAmong(
    {
      enforced: (_, visit) => enforced.forEach(visit),
      shadowed: (_, visit) => shadowed.forEach(visit),
      sample: enforced,
    },
    { attestation, request, now: NOW },
  )
}

function essence(decision: Decision) {
  return decision.allowed
    ? { allowed: true, id: decision.policy.id, grant: decision.grant }
    : { allowed: false, code: decision.code }
}

describe('decide: properties', () => {
  test('the index and a plain list agree on every decision', () => {
    fc.assert(
      fc.property(arbitraryPolicies, arbitraryAttestation, arbitraryRequest, (policies, attestation, request) => {
        const [indexed, linear] = [
          decide(policies, attestation, request),
          decideLinearly(policies, attestation, request),
        ]
        assert.deepEqual(essence(indexed), essence(linear))
        assert.deepEqual(indexed.shadow, linear.shadow)
      }),
      RUNS,
    )
  })

  test('S-04, invariant 4: what is granted is a subset of exactly one policy, within every limit', () => {
    let grants = 0
    fc.assert(
      fc.property(arbitraryPolicies, arbitraryAttestation, arbitraryRequest, (policies, attestation, request) => {
        const decision = decide(policies, attestation, request)
        if (!decision.allowed) return
        grants += 1
        const { policy, grant } = decision
        assert.ok(policies.includes(policy))
        assert.equal(policy.mode, 'enforce')
        assert.ok(policy.enabled)
        assert.ok(grant.scopes.length > 0)
        assert.ok(grant.scopes.every((scope) => policy.grant.scopes.includes(scope)))
        if (request.scopes) assert.deepEqual(new Set(grant.scopes), new Set(request.scopes))
        assert.ok(grant.ttlSeconds >= 1 && grant.ttlSeconds <= Math.min(policy.grant.ttlSeconds, 3600))
        assert.ok(grant.ttlSeconds <= (request.ttlSeconds ?? 3600))
        assert.ok(!policy.expiresAt || NOW.getTime() + grant.ttlSeconds * 1000 <= policy.expiresAt.getTime())
        const { senderConstraint: needed } = policy.limits
        assert.ok(!needed || request.senderConstraint === needed || (needed === 'any' && request.senderConstraint))
        assert.ok('maxUses' in grant.uses && grant.uses.maxUses <= Math.min(20, policy.limits.maxUses ?? 20))
      }),
      RUNS,
    )
    assert.ok(grants > 10, `only ${grants} of the random cases were grants`)
  })

  test('the order of policies never matters', () => {
    fc.assert(
      fc.property(arbitraryPolicies, arbitraryAttestation, arbitraryRequest, (policies, attestation, request) => {
        assert.deepEqual(decide([...policies].reverse(), attestation, request), decide(policies, attestation, request))
      }),
      RUNS,
    )
  })

  test('a shadow policy more never changes the outcome', () => {
    fc.assert(
      fc.property(
        arbitraryPolicies,
        arbitraryPolicy,
        arbitraryAttestation,
        arbitraryRequest,
        (policies, extra, attestation, request) => {
          const shadow: TrustPolicy = { ...extra, id: 'pol_shadow', mode: 'shadow' }
          const [before, after] = [
            decide(policies, attestation, request),
            decide([...policies, shadow], attestation, request),
          ]
          assert.deepEqual({ ...after, shadow: [] }, { ...before, shadow: [] })
        },
      ),
      RUNS,
    )
  })

  test('S-10: taking a claim away never turns a denial into a grant, but by ending an ambiguity', () => {
    fc.assert(
      fc.property(arbitraryPolicies, arbitraryAttestation, arbitraryRequest, (policies, attestation, request) => {
        const before = decide(policies, attestation, request)
        if (before.allowed) return
        for (const name of Object.keys(attestation.claims)) {
          const { [name]: _, ...claims } = attestation.claims
          const after = decide(policies, { ...attestation, claims }, request)
          if (!after.allowed) continue
          assert.equal(before.code, 'ambiguous_policy')
          // The policy that grants now would have granted then as well, alone.
          assert.ok(decide([after.policy], attestation, request).allowed)
        }
      }),
      RUNS,
    )
  })

  test('a policy that is narrower in scopes and for itself never adds to what others grant', () => {
    fc.assert(
      fc.property(arbitraryPolicies, arbitraryAttestation, arbitraryRequest, (policies, attestation, request) => {
        const decision = decide(policies, attestation, request)
        if (!decision.allowed) return
        const alone = decide([decision.policy], attestation, request)
        assert.deepEqual(essence(alone), essence(decision))
      }),
      RUNS,
    )
  })

  test('decides without throwing on claims of any shape, and never by a policy that names other values', () => {
    const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.array(fc.string()))
    const claims = fc.dictionary(
      fc.oneof(fc.constantFrom('owner', 'ref', 'event_name', '__proto__', 'toString'), fc.string()),
      value,
    )
    fc.assert(
      fc.property(
        arbitraryPolicies,
        arbitraryAttestation,
        claims,
        arbitraryRequest,
        (policies, attestation, any, request) => {
          decide(policies, { ...attestation, claims: any }, request)
          decide(policies, { ...attestation, claims: any }, { ...request, service: serviceFixture({ id: 'svc_none' }) })
        },
      ),
      RUNS,
    )
  })
})
