import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryAttestation, arbitraryCondition, arbitraryPolicy, arbitraryRequest } from './arbitrary.fixture.ts'
import { compilePolicies } from './compile-policies.ts'
import { matchesGlob, parseGlob } from './glob.ts'
import { globInside } from './glob-inside.ts'
import { impliesCondition } from './implication.ts'
import { conditionTest } from './operators.ts'
import { NOW, policyFixture, serviceFixture } from './policy.fixture.ts'
import { comparePolicies } from './relation.ts'
import type { Condition, Decision, TrustPolicy } from './types.ts'

const ref = { claim: 'ref', claimType: 'string' } as const
const event = { claim: 'event_name', claimType: 'string' } as const
const groups = { claim: 'groups', claimType: 'strings' } as const
const main: Condition = { ...ref, operator: 'eq', value: 'refs/heads/main' }

function effect(before: Partial<TrustPolicy> | undefined, after: Partial<TrustPolicy> | undefined): string {
  const relation = comparePolicies(before && policyFixture(before), after && policyFixture(after))
  assert.equal(relation.reasons.length > 0, relation.widens || relation.narrows)
  return relation.effect
}

const match = (...conditions: Condition[]): Partial<TrustPolicy> => ({ conditions })
const grant = (scopes: readonly string[], ttlSeconds = 900) => ({
  grant: { service: serviceFixture(), scopes, ttlSeconds },
})

describe('comparePolicies', () => {
  const widenings: readonly (readonly [string, Partial<TrustPolicy> | undefined, Partial<TrustPolicy>])[] = [
    ['a new enforced policy', undefined, {}],
    ['shadow to enforce', { mode: 'shadow' }, {}],
    ['disabled to enabled', { enabled: false }, {}],
    ['a condition less', match(main, { ...event, operator: 'eq', value: 'push' }), match(main)],
    ['equality to a glob', match(main), match({ ...ref, operator: 'glob', pattern: 'refs/heads/*' })],
    [
      'one value more',
      match({ ...event, operator: 'in', values: ['push'] }),
      match({ ...event, operator: 'in', values: ['push', 'schedule'] }),
    ],
    [
      'one excluded value less',
      match({ ...event, operator: 'notIn', values: ['a', 'b'] }),
      match({ ...event, operator: 'notIn', values: ['a'] }),
    ],
    [
      'a wider glob',
      match({ ...ref, operator: 'glob', pattern: 'refs/heads/rel-*' }),
      match({ ...ref, operator: 'glob', pattern: 'refs/heads/*' }),
    ],
    [
      '`*` to `**`',
      match({ ...ref, operator: 'glob', pattern: 'refs/heads/*' }),
      match({ ...ref, operator: 'glob', pattern: 'refs/heads/**' }),
    ],
    ['a scope more', grant(['orders:read']), grant(['orders:read', 'orders:write'])],
    ['a longer lifetime', grant(['orders:read'], 60), grant(['orders:read'], 61)],
    ['older proofs', { limits: { maxProofAgeSeconds: 60 } }, { limits: {} }],
    ['more uses', { limits: { maxUses: 1 } }, { limits: { maxUses: 2 } }],
    ['more uses in a minute', { limits: { usesPerMinute: 1 } }, { limits: {} }],
    [
      'a wider address range',
      { limits: { sourceAddresses: ['10.1.0.0/16'] } },
      { limits: { sourceAddresses: ['10.0.0.0/8'] } },
    ],
    ['bearer tokens (S-14)', { limits: { senderConstraint: 'any' } }, { limits: {} }],
    ['dpop to none (S-14)', { limits: { senderConstraint: 'dpop' } }, { limits: {} }],
    ['dpop to any (S-14)', { limits: { senderConstraint: 'dpop' } }, { limits: { senderConstraint: 'any' } }],
    ['mtls to any (S-14)', { limits: { senderConstraint: 'mtls' } }, { limits: { senderConstraint: 'any' } }],
    ['no expiry', { expiresAt: NOW }, { expiresAt: undefined }],
    ['crossing environments', {}, { crossEnvironment: true }],
  ]
  for (const [what, before, after] of widenings) {
    test(`${what} widens`, () => assert.equal(effect(before, after), 'widens'))
    test(`the reverse of ${what} narrows`, () => assert.equal(effect(after, before), 'narrows'))
  }

  const unprovable: readonly (readonly [string, Partial<TrustPolicy>, Partial<TrustPolicy>])[] = [
    ['another provider', {}, { providerId: 'tp_other' }],
    [
      'another service',
      {},
      { grant: { service: serviceFixture({ id: 'svc_other' }), scopes: ['orders:deploy'], ttlSeconds: 900 } },
    ],
    ['another value', match(main), match({ ...ref, operator: 'eq', value: 'refs/heads/develop' })],
    [
      'another glob',
      match({ ...ref, operator: 'glob', pattern: 'refs/heads/a*' }),
      match({ ...ref, operator: 'glob', pattern: 'refs/heads/*a' }),
    ],
    ['another scope', grant(['orders:read']), grant(['orders:write'])],
    ['dpop to mtls', { limits: { senderConstraint: 'dpop' } }, { limits: { senderConstraint: 'mtls' } }],
    [
      'another time window',
      { limits: { timeWindow: { days: ['mon'], fromMinute: 0, toMinute: 60, timeZone: 'UTC' } } },
      { limits: { timeWindow: { days: ['mon'], fromMinute: 0, toMinute: 60, timeZone: 'Europe/Vienna' } } },
    ],
    [
      'a list element that says nothing of the others',
      match({ ...groups, operator: 'notIn', values: ['b'] }),
      match({ ...groups, operator: 'eq', value: 'a' }),
    ],
    [
      'T21: a condition more that names a danger',
      match(main),
      match(main, { ...event, operator: 'in', values: ['pull_request_target'] }),
    ],
  ]
  for (const [what, before, after] of unprovable) {
    test(`${what} widens and narrows`, () => assert.equal(effect(before, after), 'widens_and_narrows'))
  }

  test('every named value counts as a danger when the dangers are not known', () => {
    const { dangers: _, ...before } = policyFixture(match(main))
    const { dangers: __, ...after } = policyFixture(match(main, { ...event, operator: 'eq', value: 'push' }))
    assert.equal(comparePolicies(before, after).effect, 'widens_and_narrows')
  })

  test('nothing that cannot grant admits anything', () => {
    assert.equal(effect(undefined, { mode: 'shadow' }), 'none')
    assert.equal(effect({ mode: 'shadow' }, { mode: 'shadow', conditions: [main] }), 'none')
    assert.equal(effect({ enabled: false }, undefined), 'none')
  })

  test('a policy compared with itself moves nothing, whatever its name, order and revision', () => {
    const both = [main, { ...event, operator: 'eq', value: 'push' } as const]
    assert.equal(effect({ conditions: both }, { conditions: [...both].reverse(), revision: 9, name: 'other' }), 'none')
    fc.assert(fc.property(arbitraryPolicy, (policy) => assert.equal(comparePolicies(policy, policy).effect, 'none')))
  })

  test('what a sample is admitted to after and not before is a widening, and the converse a narrowing', () => {
    const related = fc.tuple(arbitraryPolicy, arbitraryPolicy, fc.constantFrom('conditions', 'limits', 'grant', 'all'))
    const attestations = fc.array(arbitraryAttestation, { minLength: 8, maxLength: 8 })
    let moved = 0
    type Compiled = ReturnType<typeof compilePolicies>
    /**
     * What a policy gives to a proof is compared by what can be asked of it: a request without scopes asks for all, and a danger of one
     * of them refuses it, although the same proof gets the others when it names them.
     */
    const decideAlike = (policies: Compiled, input: Parameters<Compiled['decide']>[0], other: Decision) => {
      const decision = policies.decide(input)
      if (decision.allowed || !other.allowed) return decision
      return policies.decide({ ...input, request: { ...input.request, scopes: other.grant.scopes } })
    }
    const judge = (before: TrustPolicy, after: TrustPolicy, was: Decision, is: Decision) => {
      const relation = comparePolicies(before, after)
      if (is.allowed !== was.allowed) moved += 1
      if (is.allowed && !was.allowed) assert.ok(relation.widens, 'admits without having said so')
      if (was.allowed && !is.allowed) assert.ok(relation.narrows, 'refuses without having said so')
      if (!is.allowed || !was.allowed) return
      if (is.grant.scopes.some((scope) => !was.grant.scopes.includes(scope))) assert.ok(relation.widens)
      if (is.grant.ttlSeconds > was.grant.ttlSeconds) assert.ok(relation.widens)
      if (is.grant.ttlSeconds < was.grant.ttlSeconds) assert.ok(relation.narrows)
    }
    fc.assert(
      fc.property(related, attestations, arbitraryRequest, ([left, other, member], samples, request) => {
        const changed = member === 'all' ? other : { ...left, [member]: other[member as 'limits'] }
        const [before, after]: [TrustPolicy, TrustPolicy] = [
          { ...left, id: 'pol_one' },
          { ...changed, id: 'pol_one' },
        ]
        const [old, young] = [compilePolicies([before]), compilePolicies([after])]
        for (const attestation of samples) {
          const input = { attestation, request, now: NOW }
          judge(
            before,
            after,
            decideAlike(old, input, young.decide(input)),
            decideAlike(young, input, old.decide(input)),
          )
        }
      }),
      { numRuns: 3000 },
    )
    // Without samples that move the property would say nothing; on average some 300 do.
    assert.ok(moved > 100, `only ${moved} samples moved`)
  })
})

describe('impliesCondition', () => {
  test('a proven implication holds for every claim', () => {
    const value = fc.oneof(
      fc.constantFrom(
        'acme',
        'Acme',
        'refs/heads/main',
        'refs/heads/rel-1',
        'refs/heads/rel-1/x',
        'push',
        'a',
        '10.0.0.1',
        '192.0.2.10',
      ),
      fc.constantFrom(1, 2, 3),
      fc.subarray(['a', 'b', 'c', 'push', 'refs/heads/main', '192.0.2.10']),
      fc.constant(undefined),
    )
    let proven = 0
    fc.assert(
      fc.property(arbitraryCondition, arbitraryCondition, fc.array(value), (narrow, wide, values) => {
        if (!impliesCondition(narrow, wide)) return
        proven += 1
        const isList = narrow.claimType === 'strings'
        for (const actual of values) {
          // The attestor lets only values of the claim's type through.
          if (narrow.claimType !== undefined && actual !== undefined && isList !== Array.isArray(actual)) continue
          if (conditionTest(narrow)(actual) === 'ok') assert.equal(conditionTest(wide)(actual), 'ok')
        }
      }),
      { numRuns: 8000 },
    )
    assert.ok(proven > 200, `only ${proven} implications were proven`)
  })

  const folded = { claim: 'owner', claimType: 'string', foldCase: true } as const
  const implications: readonly (readonly [string, Condition, Condition, boolean])[] = [
    [
      'a glob, and an exclusion of what it does not match',
      { ...event, operator: 'glob', pattern: 'pull_*' },
      { ...event, operator: 'notIn', values: ['push', 'schedule'] },
      true,
    ],
    [
      'a glob, and an exclusion of what it matches',
      { ...event, operator: 'glob', pattern: 'pull_*' },
      { ...event, operator: 'notIn', values: ['push', 'pull_request'] },
      false,
    ],
    [
      'a glob, and an exclusion of numbers',
      { ...event, operator: 'glob', pattern: 'pull_*' },
      { ...event, operator: 'notIn', values: [1] },
      false,
    ],
    [
      'a glob, and a value',
      { ...event, operator: 'glob', pattern: 'pull_*' },
      { ...event, operator: 'eq', value: 'pull_x' },
      false,
    ],
    [
      'patterns that differ in case where it does not count',
      { ...folded, operator: 'glob', pattern: 'Acme-*' },
      { ...folded, operator: 'glob', pattern: 'ACME*' },
      true,
    ],
    [
      'patterns that differ in case where it counts',
      { ...event, operator: 'glob', pattern: 'Acme-*' },
      { ...event, operator: 'glob', pattern: 'ACME*' },
      false,
    ],
    [
      'the same condition with and without case',
      { ...folded, operator: 'eq', value: 'a' },
      { claim: 'owner', claimType: 'string', operator: 'eq', value: 'a' },
      false,
    ],
    [
      'a presence, and an absence',
      { ...event, operator: 'exists', value: true },
      { ...event, operator: 'exists', value: false },
      false,
    ],
    [
      'an absence, and a presence',
      { ...event, operator: 'exists', value: false },
      { ...event, operator: 'exists', value: true },
      false,
    ],
    [
      'an absence, and an exclusion',
      { ...event, operator: 'exists', value: false },
      { ...event, operator: 'notIn', values: ['x'] },
      false,
    ],
    [
      'a value, and an absence',
      { ...event, operator: 'eq', value: 'x' },
      { ...event, operator: 'exists', value: false },
      false,
    ],
    [
      'a value, and a presence',
      { ...event, operator: 'eq', value: 'x' },
      { ...event, operator: 'exists', value: true },
      true,
    ],
    [
      'an exclusion, and a smaller one',
      { ...event, operator: 'notIn', values: ['a', 'b'] },
      { ...event, operator: 'notIn', values: ['b'] },
      true,
    ],
    [
      'an exclusion, and another value',
      { ...event, operator: 'notIn', values: ['a'] },
      { ...event, operator: 'eq', value: 'b' },
      false,
    ],
    ['an equal lower bound', { ...event, operator: 'gt', value: 5 }, { ...event, operator: 'gt', value: 5 }, true],
    ['a smaller upper bound', { ...event, operator: 'lt', value: 4 }, { ...event, operator: 'lt', value: 5 }, true],
    ['a larger upper bound', { ...event, operator: 'lt', value: 6 }, { ...event, operator: 'lt', value: 5 }, false],
    ['a smaller lower bound', { ...event, operator: 'gt', value: 4 }, { ...event, operator: 'gt', value: 5 }, false],
    [
      'a value of an unknown claim, and an exclusion: it may be a list',
      { claim: 'x', operator: 'eq', value: 'a' },
      { claim: 'x', operator: 'notIn', values: ['b'] },
      false,
    ],
    [
      'a number of an unknown claim, and an exclusion',
      { claim: 'x', operator: 'eq', value: 1 },
      { claim: 'x', operator: 'notIn', values: [2] },
      true,
    ],
    [
      'a wider range',
      { ...event, operator: 'cidr', ranges: ['10.0.0.0/8'] },
      { ...event, operator: 'cidr', ranges: ['10.1.0.0/16'] },
      false,
    ],
    [
      'a narrower range',
      { ...event, operator: 'cidr', ranges: ['10.1.0.0/16'] },
      { ...event, operator: 'cidr', ranges: ['10.0.0.0/8'] },
      true,
    ],
    [
      'a range inside one that does not parse',
      { ...event, operator: 'cidr', ranges: ['10.1.0.0/16'] },
      { ...event, operator: 'cidr', ranges: ['x'] },
      false,
    ],
    [
      'a range that does not parse',
      { ...event, operator: 'cidr', ranges: ['x'] },
      { ...event, operator: 'cidr', ranges: ['0.0.0.0/0'] },
      false,
    ],
  ]
  for (const [what, narrow, wide, expected] of implications) {
    test(`${what}: ${expected ? 'implied' : 'not implied'}`, () =>
      assert.equal(impliesCondition(narrow, wide), expected))
  }

  test('conditions of different claims, and lists of numbers and text, imply nothing', () => {
    assert.equal(impliesCondition(main, { ...main, claim: 'other' }), false)
    assert.equal(impliesCondition({ ...ref, operator: 'lt', value: 5 }, { ...ref, operator: 'gt', value: 5 }), false)
  })

  test('a pattern that is proven to lie in another one matches nothing else', () => {
    const pattern = fc
      .array(fc.constantFrom('a', 'b', '*', '/', '**'), { minLength: 1, maxLength: 6 })
      .map((parts) => parts.join(''))
    const value = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 6 }).map((parts) => parts.join(''))
    let proven = 0
    fc.assert(
      fc.property(pattern, pattern, fc.array(value, { minLength: 5 }), (inner, outer, values) => {
        const [i, o] = [parseGlob(inner), parseGlob(outer)]
        fc.pre('glob' in i && 'glob' in o && inner !== outer && globInside(inner, outer))
        proven += 1
        for (const text of values) if (matchesGlob(inner, text)) assert.ok(matchesGlob(outer, text), text)
      }),
      { numRuns: 2000, maxSkipsPerRun: 1000 },
    )
    assert.ok(proven > 500)
  })
})
