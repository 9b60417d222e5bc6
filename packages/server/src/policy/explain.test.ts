import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findPreset } from '../attestors/index.ts'
import { conditionsFixture } from './conditions.fixture.ts'
import { type ExplainInput, explainPolicies } from './explain.ts'
import { type FixInput, likelyFixes } from './likely-fixes.ts'
import { nearMiss } from './near-miss.ts'
import { CLAIMS, claimsFixture, PRESET, policyFixture, providerFixture, serviceFixture } from './policy.fixture.ts'

const FULL = conditionsFixture({ repository_id: '456', ref: 'refs/heads/main', environment: 'production' })

function explain(changes: Partial<ExplainInput> = {}) {
  return explainPolicies({
    claims: CLAIMS,
    provider: providerFixture(),
    request: { service: serviceFixture() },
    policies: [policyFixture({ conditions: FULL })],
    ...changes,
  })
}

function fixes(changes: Partial<FixInput> & { claims?: FixInput['claims'] } = {}): readonly string[] {
  const claims = changes.claims ?? CLAIMS
  const provider = changes.provider ?? providerFixture()
  return likelyFixes({
    code: 'no_matching_policy',
    claims,
    provider,
    request: { service: serviceFixture(), scopes: undefined },
    explained: explain({ claims, provider }),
    nearestPolicy: policyFixture({ conditions: FULL }),
    ...changes,
  })
}

describe('explainPolicies', () => {
  test('absent, wrong type and different are three different things, in file order', () => {
    const { environment: _, ...rest } = CLAIMS
    const [policy] = explain({ claims: { ...rest, repository_id: 456, ref: 'refs/heads/x' } })
    assert.deepEqual(
      policy?.conditions.map(({ claim, outcome, expected, actual }) => [claim, outcome, expected, actual]),
      [
        ['repository_id', 'wrong_type', '456', 456],
        ['ref', 'different', 'refs/heads/main', 'refs/heads/x'],
        ['environment', 'absent', 'production', undefined],
      ],
    )
    assert.equal(policy?.failing, 3)
  })
  test('a claim that came with a wrong type is not called absent', () => {
    const [policy] = explain({ claims: claimsFixture({ environment: undefined }), mistypedClaims: ['environment'] })
    assert.equal(policy?.conditions[2]?.outcome, 'wrong_type')
  })
  test('leaves out policies of other providers and services, and disabled ones', () => {
    const policies = [
      policyFixture({ providerId: 'tp_other' }),
      policyFixture({ grant: { service: serviceFixture({ id: 'svc_x' }), scopes: ['a'], ttlSeconds: 1 } }),
      policyFixture({ enabled: false }),
    ]
    assert.deepEqual(explain({ policies }), [])
  })
  test('lists the nearest first, and so many as asked for', () => {
    const far = policyFixture({
      id: 'pol_far',
      name: 'far',
      conditions: conditionsFixture({ ref: 'x', environment: 'y' }),
    })
    const near = policyFixture({ id: 'pol_near', name: 'near', conditions: conditionsFixture({ ref: 'x' }) })
    const shadow = policyFixture({ id: 'pol_shadow', name: 'a', mode: 'shadow', conditions: near.conditions })
    assert.deepEqual(
      explain({ policies: [far, shadow, near] }).map(({ name }) => name),
      ['near', 'a', 'far'],
    )
    assert.equal(explain({ policies: [far, shadow, near], limit: 1 }).length, 1)
    const anyService = explain({ policies: [far], request: { service: undefined } })
    assert.equal(anyService.length, 1)
  })
})

describe('likelyFixes', () => {
  test('a missing environment of a GitHub job is the job’s missing key', () => {
    const preset = findPreset('github-actions')
    assert.ok(preset)
    const provider = providerFixture({ preset, freshness: preset.freshness })
    assert.deepEqual(fixes({ provider, claims: claimsFixture({ environment: undefined }) }), [
      'the job has no `environment:` key; if the job may have it, add `environment: production`',
    ])
  })
  test('any other missing claim is named with its meaning', () => {
    assert.deepEqual(fixes({ claims: claimsFixture({ environment: undefined }) }), [
      'the proof has no environment (environment of the job); the policy wants production',
    ])
  })
  test('a different claim is put beside what was wanted, with the slip if it is one', () => {
    assert.deepEqual(fixes({ claims: claimsFixture({ ref: 'refs/heads/Main' }) }), [
      'ref is refs/heads/Main, the policy wants refs/heads/main: only letter case differs, and it counts',
    ])
    assert.deepEqual(fixes({ claims: claimsFixture({ ref: 'refs/tags/v1' }) }), [
      'ref is refs/tags/v1, the policy wants refs/heads/main',
    ])
  })
  test('without any policy it says how to draft one, in shadow mode', () => {
    const [fix] = fixes({ explained: [] })
    assert.match(fix ?? '', /no policy names the provider ci for orders-api; .*generate --from EVENT_ID.* shadow/)
  })
  test('a shadow policy that matches is said to grant nothing yet', () => {
    const explained = explain({ policies: [policyFixture({ mode: 'shadow' })] })
    assert.match(fixes({ explained })[0] ?? '', /in shadow mode/)
  })
  test('a scope that is not granted is named beside what is', () => {
    const [fix] = fixes({ code: 'scope_not_granted', request: { service: serviceFixture(), scopes: ['orders:write'] } })
    assert.equal(fix, 'deploy-orders grants orders:deploy, and not orders:write')
  })
  test('T21: a dangerous proof is explained by the preset', () => {
    const claims = claimsFixture({ event_name: 'pull_request_target' })
    assert.deepEqual(fixes({ code: 'dangerous_proof', claims }), [
      'event_name: it may run code of a fork',
      PRESET.dangers[0]?.fix,
    ])
  })
  test('ambiguous policies are named', () => {
    const policies = [policyFixture({ id: 'pol_a', name: 'one' }), policyFixture({ id: 'pol_b', name: 'two' })]
    assert.match(fixes({ code: 'ambiguous_policy', explained: explain({ policies }) })[0] ?? '', /^one and two match/)
  })
  test('a code of another version has no fix, and does not throw', () => {
    assert.deepEqual(fixes({ code: 'something_new' as FixInput['code'] }), [])
  })
  test('every denial has a fix, and none proposes to loosen the policy', () => {
    const codes = [
      'unknown_audience',
      'no_matching_policy',
      'scope_not_granted',
      'ambiguous_policy',
      'dangerous_proof',
      'proof_too_old',
      'policy_expired',
      'outside_limits',
      'replayed',
      'ambiguous_provider',
    ] as const
    const claims = claimsFixture({ ref: 'x', event_name: 'pull_request' })
    for (const code of codes) {
      const found = fixes({ code, claims })
      assert.ok(found.length > 0, code)
      for (const sentence of found) assert.doesNotMatch(sentence, /remove the condition|\*|exists: true/)
    }
  })
})

describe('nearMiss', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['refs/heads/main', 'refs/heads/main', undefined],
    ['refs/heads/main', 'refs/tags/v1.2.3', undefined],
    ['a', 'b', undefined],
    ['main', 'Main', 'only letter case differs, and it counts'],
    ['main', 'main ', 'only white space around it differs'],
    ['https://x.example', 'https://x.example/', 'only a trailing slash differs'],
    ['main', 'refs/heads/main', 'the claim is a full ref; write refs/heads/main in the policy'],
    ['refs/heads/main', 'refs/heads/main-2', "what came goes on with '-2'"],
    ['acme/orders-api', 'acme/orders', "what was expected goes on with '-api'"],
    ['orders', 'acme/orders', "what came begins with 'acme/'"],
    ['refs/heads/main', 'refs/heads/mian', "they differ at character 13: 'ai' was expected, 'ia' came"],
  ]
  for (const [expected, actual, hint] of cases) {
    test(`${expected} and ${actual}`, () => assert.equal(nearMiss(expected, actual), hint))
  }
})
