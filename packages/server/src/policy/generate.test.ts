import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ClaimValue, findPreset, type TrustProvider } from '../attestors/index.ts'
import { parseDocument, type ResourceDocument, type ResourceKind } from '../resources/index.ts'
import { compileTrustPolicy } from './compile.ts'
import { type GenerateInput, generatePolicy } from './generate.ts'
import { lintTrustPolicy } from './lint.ts'
import { parsePolicyTests } from './parse-tests.ts'
import { NOW, providerFixture, serviceFixture } from './policy.fixture.ts'
import { trustPolicyKind } from './schema.ts'
import { runPolicyTests } from './tests-block.ts'

function presetProvider(name: string, requirement: Record<string, string> = {}): TrustProvider {
  const preset = findPreset(name)
  assert.ok(preset)
  return providerFixture({ preset, freshness: preset.freshness, require: requirement })
}

const GITHUB: Readonly<Record<string, ClaimValue>> = {
  repository_id: '456789',
  repository_owner_id: '123456',
  repository: 'acme/orders',
  repository_owner: 'acme',
  ref: 'refs/heads/main',
  environment: 'production',
  event_name: 'push',
  job_workflow_ref: 'acme/deploy/.github/workflows/release.yml@refs/heads/main',
  run_id: '99',
  sha: 'abc',
}

const KUBERNETES: Readonly<Record<string, ClaimValue>> = {
  namespace: 'orders',
  serviceaccount: 'deployer',
  serviceaccount_uid: '11111111-2222-4333-8444-555555555555',
  pod: 'deployer-1',
}

function generate(changes: Partial<GenerateInput> = {}): ReturnType<typeof generatePolicy> {
  const provider = presetProvider('github-actions', { repository_owner_id: '123456' })
  return generatePolicy({ provider, claims: GITHUB, service: serviceFixture(), now: NOW, ...changes })
}

function specOf(document: ResourceDocument) {
  return document.spec as { match: Record<string, unknown>; grant: { scopes: string[] }; mode: string }
}

function runTests(document: ResourceDocument, provider: TrustProvider) {
  const outcome = parseDocument(document, [trustPolicyKind as unknown as ResourceKind])
  assert.ok(outcome.ok, JSON.stringify(outcome))
  const resource = { id: 'pol_draft', document, revision: 1, enabled: true, createdAt: NOW, updatedAt: NOW }
  const compilation = compileTrustPolicy(resource, {
    providersByName: new Map([[provider.name, provider]]),
    servicesByName: new Map([['orders-api', serviceFixture()]]),
  })
  assert.ok('policy' in compilation, JSON.stringify(compilation))
  const tests = parsePolicyTests(document)
  assert.ok('tests' in tests)
  return runPolicyTests(compilation.policy, provider, tests.tests, NOW)
}

describe('generatePolicy', () => {
  test('a draft cannot be saved before a reviewer names owner and purpose', () => {
    const provider = presetProvider('github-actions', { repository_owner_id: '123456' })
    const problems = lintTrustPolicy(generate().document, {
      providersByName: new Map([[provider.name, provider]]),
      servicesByName: new Map([['orders-api', serviceFixture()]]),
      now: NOW,
    })
    const errors = problems.filter(({ severity }) => severity === 'error')
    assert.deepEqual(
      errors.map(({ code, pointer }) => [code, pointer]),
      [
        ['placeholder', '/metadata/owner'],
        ['placeholder', '/metadata/purpose'],
      ],
    )
  })
  test('a draft never enforces, and never grants a scope that changes something', () => {
    const { document } = generate({ denial: { code: 'scope_not_granted', nearestPolicyName: 'deploy' } })
    assert.equal(specOf(document).mode, 'shadow')
    assert.deepEqual(specOf(document).grant.scopes, ['orders:read', 'stock:read'])
  })
  test('T21: a dangerous value is matched and not named, and the draft keeps refusing it', () => {
    const provider = presetProvider('github-actions', { repository_owner_id: '123456' })
    const { document, notes } = generate({ claims: { ...GITHUB, event_name: 'pull_request_target' } })
    assert.deepEqual(specOf(document).match['event_name'], { glob: 'pull_request_target' })
    assert.ok(notes.some((note) => note.includes('stay refused')))
    assert.deepEqual(runTests(document, provider).failed, [])
  })
  test('T21: a pull request is matched without being named, so that a write scope added later is refused', () => {
    const provider = presetProvider('github-actions', { repository_owner_id: '123456' })
    const { document } = generate({ claims: { ...GITHUB, event_name: 'pull_request', ref: 'refs/pull/5/merge' } })
    assert.deepEqual(specOf(document).match['event_name'], { glob: 'pull_request' })
    assert.deepEqual(runTests(document, provider).failed, [])
  })
  test('without a service the draft has to be completed', () => {
    const { document, notes } = generate({ service: undefined })
    assert.deepEqual(specOf(document).grant.scopes, ['change-me'])
    assert.ok(notes.some((note) => note.includes('no service has the requested audience')))
  })
  test('a service without read scopes leaves the choice open', () => {
    const { document } = generate({ service: serviceFixture({ readScopes: [] }) })
    assert.deepEqual(specOf(document).grant.scopes, ['change-me'])
  })
  test('a claim that did not come is named in the notes, and not guessed', () => {
    const { environment: _, ...claims } = GITHUB
    const { document, notes } = generate({ claims })
    assert.ok(!('environment' in specOf(document).match))
    assert.ok(notes.some((note) => note.includes('environment')))
  })
  test('claims that change with every run are left out', () => {
    const { match } = specOf(generate().document)
    assert.ok(!('run_id' in match) && !('sha' in match))
  })
  test('a GitHub draft names the owner’s id first, then the repository, then where it runs', () => {
    assert.deepEqual(Object.entries(specOf(generate().document).match), [
      ['repository_owner_id', '123456'],
      ['repository_id', '456789'],
      ['ref', 'refs/heads/main'],
      ['environment', 'production'],
      ['event_name', 'push'],
      ['job_workflow_ref', 'acme/deploy/.github/workflows/release.yml@refs/heads/main'],
    ])
  })
  for (const [name, claims] of [
    ['github-actions', GITHUB],
    ['kubernetes', KUBERNETES],
    ['oidc', { sub: 'service-7' }],
  ] as const) {
    test(`a ${name} draft parses, and passes its own tests: this workload and no other value`, () => {
      const provider = presetProvider(name)
      const { document } = generate({ provider, claims })
      const run = runTests(document, provider)
      assert.deepEqual(run.failed, [])
      assert.equal(run.passed, 1 + Object.keys(specOf(document).match).length)
    })
  }
})
