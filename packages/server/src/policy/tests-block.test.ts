import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { conditionsFixture } from './conditions.fixture.ts'
import { parsePolicyTests } from './parse-tests.ts'
import { NOW, policyFixture, policyResource, providerFixture } from './policy.fixture.ts'
import type { PolicyTest } from './schema.ts'
import { runPolicyTests } from './tests-block.ts'
import type { TrustPolicy } from './types.ts'

const GOOD = { owner_id: '123', repository_id: '456', ref: 'refs/heads/main', event_name: 'push' }

function run(tests: readonly PolicyTest[], policy: Partial<TrustPolicy> = {}) {
  return runPolicyTests(policyFixture(policy), providerFixture(), tests, NOW)
}

function failing(tests: readonly PolicyTest[], policy: Partial<TrustPolicy> = {}): string | undefined {
  const { failed } = run(tests, policy)
  assert.equal(failed.length, 1)
  return failed[0]?.detail
}

describe('runPolicyTests (S-11)', () => {
  test('an allow fails when a condition does not hold, and says which', () => {
    assert.equal(failing([{ allow: { ...GOOD, ref: 'refs/heads/x' } }]), 'no_matching_policy: ref is different')
  })
  test('an allow fails on a proof that `require` of the provider refuses', () => {
    assert.match(failing([{ allow: { ...GOOD, owner_id: '999' } }]) ?? '', /require.*owner_id is different/)
    const { owner_id: _, ...without } = GOOD
    assert.match(failing([{ allow: without }]) ?? '', /owner_id is absent/)
  })
  test('T21: an allow fails on a dangerous proof', () => {
    assert.equal(failing([{ allow: { ...GOOD, event_name: 'pull_request' } }]), 'dangerous_proof')
  })
  test('an allow fails when the request asks for more than the grant', () => {
    assert.equal(failing([{ allow: GOOD, request: { scopes: ['orders:admin'] } }]), 'scope_not_granted')
  })
  test('a deny fails when the policy admits the proof', () => {
    assert.equal(failing([{ deny: GOOD }]), 'grants orders:deploy')
  })
  test('a deny that changes nothing fails', () => {
    assert.equal(failing([{ allow: GOOD }, { deny: { change: {} } }]), 'grants orders:deploy')
  })
  test('a change without an allow before it fails', () => {
    assert.match(failing([{ deny: { change: { ref: 'x' } } }]) ?? '', /there is none/)
  })
  test('a case that no proof could be fails, also a deny: it proves nothing', () => {
    assert.match(failing([{ deny: { ...GOOD, reff: 'x' } }]) ?? '', /carry no claim reff/)
    assert.match(failing([{ deny: { ...GOOD, attempt: '1' } }]) ?? '', /attempt is of type number/)
  })
  test('cases that come out as stated pass', () => {
    const result = run([
      { allow: GOOD },
      { allow: GOOD, request: { scopes: ['orders:deploy'] } },
      { deny: { change: { event_name: 'pull_request_target' } } },
      { deny: { change: { ref: null } } },
      { deny: { ...GOOD, owner_id: '999' } },
      { deny: GOOD, request: { scopes: ['orders:admin'] } },
    ])
    assert.deepEqual(result.failed, [])
    assert.equal(result.passed, 6)
  })
  test('mode, enabled, expiry and limits do not matter: the cases are about claims', () => {
    const result = run([{ allow: GOOD }], {
      mode: 'shadow',
      enabled: false,
      expiresAt: new Date(0),
      limits: { sourceAddresses: ['192.0.2.0/24'], usesPerMinute: 1 },
      conditions: conditionsFixture({ ref: 'refs/heads/main' }),
    })
    assert.equal(result.passed, 1)
  })
})

describe('parsePolicyTests', () => {
  test('refuses cases of another shape, with the place of each fault', () => {
    const faults = (tests: readonly unknown[]) => {
      const parsed = parsePolicyTests(policyResource({ tests }).document)
      return 'problems' in parsed ? parsed.problems.map(({ pointer }) => pointer) : []
    }
    assert.deepEqual(faults([{ allow: 5 }]), ['/tests/0/allow'])
    assert.ok(faults([{ allow: {} }, { other: 1 }]).every((pointer) => pointer.startsWith('/tests/1')))
    assert.deepEqual(faults([{ allow: { ref: null } }]), ['/tests/0/allow/ref'])
    assert.notDeepEqual(faults([{ deny: { change: { ref: {} } } }]), [])
    assert.notDeepEqual(faults([{ allow: {}, request: { scope: 'x' } }]), [])
    assert.notDeepEqual(faults([{ allow: {}, deny: {} }]), [])
  })
  test('a document without tests has none', () => {
    assert.deepEqual(parsePolicyTests(policyResource().document), { tests: [] })
  })
})
