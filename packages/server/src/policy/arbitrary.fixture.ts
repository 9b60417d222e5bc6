import fc from 'fast-check'
import type { Attestation, ClaimValue } from '../attestors/index.ts'
import { attestationFixture, NOW, policyFixture, requestFixture, serviceFixture } from './policy.fixture.ts'
import type { Condition, GrantRequest, TrustPolicy } from './types.ts'

// Few values, so that policies meet, overlap and miss each other often.
const OWNERS = ['acme', 'Acme', 'evil']
const REFS = ['refs/heads/main', 'refs/heads/rel-1', 'refs/heads/rel-1/x', 'refs/tags/v1', 'refs/heads/']
const EVENTS = ['push', 'pull_request', 'pull_request_target', 'schedule']
const GROUPS = ['a', 'b', 'c']
const GLOBS = [
  'refs/heads/*',
  'refs/heads/rel-*',
  'refs/heads/*-1',
  'refs/heads/*e*',
  'refs/heads/*el-1*',
  'refs/*/v1',
  'refs/**',
  'refs/heads/main',
]
const ADDRESSES = ['192.0.2.10', '10.0.0.1', 'localhost', '2001:db8::1']
const SCOPES = ['orders:read', 'stock:read', 'orders:write', 'orders:deploy']

const owner = { claim: 'owner', claimType: 'string', foldCase: true } as const
const ref = { claim: 'ref', claimType: 'string' } as const
const event = { claim: 'event_name', claimType: 'string' } as const
const attempt = { claim: 'attempt', claimType: 'number' } as const
const groups = { claim: 'groups', claimType: 'strings' } as const
const some = <Value>(values: readonly Value[]) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 })

/** Any condition but `exists: false`, over a small world of claims. */
export const arbitraryCondition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constantFrom(...OWNERS).map((value) => ({ ...owner, operator: 'eq' as const, value })),
  some(OWNERS).map((values) => ({ ...owner, operator: 'notIn' as const, values })),
  fc.constantFrom(...REFS).map((value) => ({ ...ref, operator: 'eq' as const, value })),
  some(REFS).map((values) => ({ ...ref, operator: 'in' as const, values })),
  fc.constantFrom(...GLOBS).map((pattern) => ({ ...ref, operator: 'glob' as const, pattern })),
  some(EVENTS).map((values) => ({ ...event, operator: 'in' as const, values })),
  some(EVENTS).map((values) => ({ ...event, operator: 'notIn' as const, values })),
  fc.constantFrom(...EVENTS).map((value) => ({ ...event, operator: 'eq' as const, value })),
  fc.constantFrom(1, 2).map((value) => ({ ...attempt, operator: 'eq' as const, value })),
  fc.constantFrom(1, 2, 3).map((value) => ({ ...attempt, operator: 'lt' as const, value })),
  fc.constantFrom(0, 1, 2).map((value) => ({ ...attempt, operator: 'gt' as const, value })),
  fc.constantFrom(...GROUPS).map((value) => ({ ...groups, operator: 'eq' as const, value })),
  some(GROUPS).map((values) => ({ ...groups, operator: 'notIn' as const, values })),
  some(GROUPS).map((values) => ({ ...groups, operator: 'in' as const, values })),
  fc
    .constantFrom('owner', 'ref', 'groups', 'attempt', 'environment')
    .map((claim) => ({ claim, operator: 'exists' as const, value: true })),
  some(['10.0.0.0/8', '192.0.2.0/24', '192.0.2.8/29', '2001:db8::/32']).map((ranges) => ({
    claim: 'address',
    claimType: 'string' as const,
    operator: 'cidr' as const,
    ranges,
  })),
)

/** Any limits over a small world. */
export const arbitraryLimits: fc.Arbitrary<TrustPolicy['limits']> = fc
  .record(
    {
      maxProofAgeSeconds: fc.constantFrom(1, 60, 600),
      maxUses: fc.constantFrom(1, 2, 40),
      sourceAddresses: some(['192.0.2.0/24', '198.51.100.0/24', '192.0.2.128/25']),
      timeWindow: fc.constantFrom(
        { days: ['tue'] as const, fromMinute: 600, toMinute: 800, timeZone: 'UTC' },
        { days: ['mon', 'tue'] as const, fromMinute: 0, toMinute: 1440, timeZone: 'UTC' },
        { days: ['sun'] as const, fromMinute: 0, toMinute: 1440, timeZone: 'UTC' },
      ),
      senderConstraint: fc.constantFrom('dpop' as const, 'mtls' as const, 'any' as const),
    },
    { requiredKeys: [] },
  )
  .map((limits) => limits as TrustPolicy['limits'])

const expiry = fc.constantFrom(undefined, undefined, new Date(NOW.getTime() - 1), new Date(NOW.getTime() + 100_000))

/** Any policy over the small world, enforced or shadow, for one of two services. */
export const arbitraryPolicy: fc.Arbitrary<TrustPolicy> = fc
  .record({
    mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'shadow' as const),
    enabled: fc.constantFrom(true, true, true, false),
    conditions: fc.array(arbitraryCondition, { minLength: 1, maxLength: 3 }),
    service: fc.constantFrom(serviceFixture(), serviceFixture({ id: 'svc_other', name: 'other' })),
    scopes: some(SCOPES),
    ttlSeconds: fc.constantFrom(60, 900, 3600),
    limits: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: arbitraryLimits }),
    expiresAt: expiry,
  })
  .map(({ service, scopes, ttlSeconds, ...rest }) => policyFixture({ ...rest, grant: { service, scopes, ttlSeconds } }))

/** Several policies with distinct ids. */
export const arbitraryPolicies: fc.Arbitrary<readonly TrustPolicy[]> = fc
  .array(arbitraryPolicy, { maxLength: 24 })
  .map((policies) => policies.map((policy, index) => ({ ...policy, id: `pol_${String(index).padStart(3, '0')}` })))

/** Any claims over the small world; each may be absent, some have a wrong type. */
export const arbitraryClaims: fc.Arbitrary<Readonly<Record<string, ClaimValue>>> = fc
  .record(
    {
      owner: fc.constantFrom<ClaimValue>(...OWNERS),
      ref: fc.constantFrom<ClaimValue>(...REFS, 5),
      event_name: fc.constantFrom<ClaimValue>('push', 'push', ...EVENTS),
      attempt: fc.constantFrom<ClaimValue>(1, 2, '1'),
      groups: fc.constantFrom<ClaimValue>(['a'], ['a', 'b'], ['c'], [], 'a'),
      address: fc.constantFrom<ClaimValue>(...ADDRESSES),
      environment: fc.constantFrom<ClaimValue>('production', ''),
    },
    { requiredKeys: [] },
  )
  .map((claims) => claims as Readonly<Record<string, ClaimValue>>)

/** Any attestation over the small world. */
export const arbitraryAttestation: fc.Arbitrary<Attestation> = fc
  .record({ claims: arbitraryClaims, ageSeconds: fc.constantFrom(0, 30, 700) })
  .map(({ claims, ageSeconds }) =>
    attestationFixture({ claims, issuedAt: new Date(NOW.getTime() - ageSeconds * 1000) }),
  )

/** Any request for the service of most policies. */
export const arbitraryRequest: fc.Arbitrary<GrantRequest> = fc
  .record({
    scopes: fc.oneof(fc.constant(undefined), some([...SCOPES, 'orders:unknown'])),
    ttlSeconds: fc.constantFrom(undefined, 30, 7200),
    remoteAddress: fc.constantFrom(undefined, '192.0.2.1', '192.0.2.200', '203.0.113.1'),
    senderConstraint: fc.constantFrom(undefined, 'dpop' as const, 'dpop' as const, 'mtls' as const),
  })
  .map(requestFixture)
