import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { findPreset } from '../attestors/index.ts'
import { jsonSchemaFor, parseDocument, type ResourceKind } from '../resources/index.ts'
import { compileTrustPolicy, type PolicyReferences } from './compile.ts'
import { NOW, policyResource, providerFixture, REFERENCES, serviceFixture } from './policy.fixture.ts'
import { parseExpiry, trustPolicyKind, trustPolicySpec } from './schema.ts'
import type { TrustPolicy } from './types.ts'

const KIND = trustPolicyKind as unknown as ResourceKind

function compile(spec: Record<string, unknown>, references: PolicyReferences = REFERENCES): TrustPolicy {
  const compilation = compileTrustPolicy(policyResource({ spec }), references)
  assert.ok('policy' in compilation, JSON.stringify(compilation))
  return compilation.policy
}

function codes(
  resource: Parameters<typeof compileTrustPolicy>[0],
  references: PolicyReferences = REFERENCES,
): string[] {
  const compilation = compileTrustPolicy(resource, references)
  assert.ok('problems' in compilation, 'compiled')
  for (const problem of compilation.problems) {
    assert.equal(problem.severity, 'error')
    assert.match(problem.pointer, /^\//)
    assert.notEqual(problem.fix, '')
  }
  return compilation.problems.map((problem) => `${problem.code} ${problem.pointer}`)
}

describe('the schema of a trust policy', () => {
  const grant = { service: 'orders-api', scopes: ['orders:read'] }
  const window = { days: ['mon'], from: '08:00', to: '18:00', timeZone: 'Europe/Vienna' }
  const refused: readonly (readonly [string, Record<string, unknown>])[] = [
    ['an unknown member', { matches: {} }],
    ['onBehalfOf, which comes later', { onBehalfOf: {} }],
    ['an unknown operator', { match: { ref: { regex: '.*' } } }],
    ['an empty operator object', { match: { ref: {} } }],
    ['a list as a value', { match: { ref: ['refs/heads/main'] } }],
    ['null as a value', { match: { ref: null } }],
    ['an empty value', { match: { ref: '' } }],
    ['NaN as a value', { match: { attempt: Number.NaN } }],
    ['an infinite bound', { match: { attempt: { lt: Number.POSITIVE_INFINITY } } }],
    ['an empty `in`', { match: { ref: { in: [] } } }],
    ['values of two types', { match: { ref: { in: ['1', 1] } } }],
    ['text for `exists`', { match: { ref: { exists: 'true' } } }],
    ['text for `lt`', { match: { attempt: { lt: '5' } } }],
    ['T1: an alternation in a glob', { match: { ref: { glob: 'main|develop' } } }],
    ['T2: an unbalanced group in a glob', { match: { ref: { glob: 'a)|(' } } }],
    ['`**` alone', { match: { ref: { glob: '**' } } }],
    ['an address that is no range', { match: { address: { cidr: ['10.1.2.3/8'] } } }],
    ['a claim name with a space', { match: { 'a b': 'c' } }],
    ['no mode', { mode: undefined }],
    ['another mode', { mode: 'audit' }],
    ['no scopes', { grant: { ...grant, scopes: [] } }],
    ['a scope twice', { grant: { ...grant, scopes: ['a', 'a'] } }],
    ['a scope with a space', { grant: { ...grant, scopes: ['a b'] } }],
    ['a lifetime above an hour', { grant: { ...grant, ttl: '61m' } }],
    ['a lifetime of milliseconds', { grant: { ...grant, ttl: '1500ms' } }],
    ['a lifetime without a unit', { grant: { ...grant, ttl: '900' } }],
    ['no uses', { limits: { maxUses: 0 } }],
    ['half a use', { limits: { maxUses: 1.5 } }],
    ['a sender constraint that does not exist', { limits: { senderConstraint: 'tls' } }],
    ['a sender constraint in a list', { limits: { senderConstraint: ['dpop'] } }],
    ['an empty list of addresses', { limits: { sourceAddresses: [] } }],
    ['a day twice', { limits: { timeWindow: { ...window, days: ['mon', 'mon'] } } }],
    ['an unknown day', { limits: { timeWindow: { ...window, days: ['monday'] } } }],
    ['an hour that does not exist', { limits: { timeWindow: { ...window, to: '24:01' } } }],
    ['a window over midnight', { limits: { timeWindow: { ...window, from: '22:00', to: '06:00' } } }],
    ['a time zone that does not exist', { limits: { timeWindow: { ...window, timeZone: 'Mars/Olympus' } } }],
    ['an offset instead of a time zone', { limits: { timeWindow: { ...window, timeZone: '+02:00' } } }],
    ['a date that does not exist', { expires: '2027-02-31' }],
    ['a local time', { expires: '2027-05-01T00:00:00' }],
  ]
  for (const [what, spec] of refused) {
    test(`refuses ${what}`, () => {
      assert.ok(codes(policyResource({ spec })).every((code) => code.startsWith('invalid /spec')))
    })
  }

  test('S-10: any value is parsed or refused, and nothing throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        trustPolicySpec.safeParse(value)
        const spec = { match: { ref: value as never } }
        compileTrustPolicy(policyResource({ spec }), REFERENCES)
      }),
    )
  })

  test('a misspelt member is refused with the name that was meant, through the document', () => {
    const { document } = policyResource({ spec: { limits: { maxProfAge: '10m' } } })
    const outcome = parseDocument(document, [KIND])
    assert.ok(!outcome.ok)
    assert.deepEqual(
      outcome.problems.map(({ pointer, fix }) => [pointer, fix]),
      [['/spec/limits/maxProfAge', 'did you mean `maxProofAge`?']],
    )
  })

  test('a misspelt operator likewise', () => {
    const { document } = policyResource({ spec: { match: { ref: { glub: 'x' } } } })
    const outcome = parseDocument(document, [KIND])
    assert.ok(!outcome.ok)
    assert.equal(outcome.problems[0]?.pointer, '/spec/match/ref/glub')
    assert.equal(outcome.problems[0]?.fix, 'did you mean `glob`?')
  })

  test('owner, purpose, environment and review date are required', () => {
    for (const member of ['owner', 'purpose', 'environment', 'reviewBy']) {
      const { document } = policyResource()
      const metadata = Object.fromEntries(Object.entries(document.metadata).filter(([name]) => name !== member))
      const outcome = parseDocument({ ...document, metadata }, [KIND])
      assert.ok(!outcome.ok, member)
    }
  })

  test('has a JSON Schema, for editors and `countersign schema`', () => {
    assert.ok(JSON.stringify(jsonSchemaFor(KIND)).includes('"maxProofAge"'))
  })

  test('a date expires at its start, an instant at itself', () => {
    assert.equal(parseExpiry('2027-05-01')?.toISOString(), '2027-05-01T00:00:00.000Z')
    assert.equal(parseExpiry('2027-05-01T10:00:00+02:00')?.toISOString(), '2027-05-01T08:00:00.000Z')
    assert.equal(parseExpiry('2027-05-01T25:00:00Z'), undefined)
  })
})

describe('compileTrustPolicy', () => {
  test('T36: a policy without conditions does not compile', () => {
    assert.deepEqual(codes(policyResource({ spec: { match: {} } })), ['empty_match /spec/match'])
  })
  test('a condition that a schema library would drop does not compile', () => {
    const spec = {
      match: JSON.parse('{"ref": "refs/heads/main", "__proto__": {"eq": "x"}}') as Record<string, unknown>,
    }
    assert.deepEqual(codes(policyResource({ spec })), ['forbidden_member /spec/match'])
  })
  test('names that do not resolve are refused, each with the nearest name', () => {
    const spec = { provider: 'cj', grant: { service: 'order-api', scopes: ['orders:read'] } }
    assert.deepEqual(codes(policyResource({ spec })), [
      'unknown_provider /spec/provider',
      'unknown_service /spec/grant/service',
    ])
    const compilation = compileTrustPolicy(policyResource({ spec }), REFERENCES)
    assert.ok('problems' in compilation)
    assert.deepEqual(
      compilation.problems.map((problem) => problem.fix),
      ["did you mean 'ci'?", "did you mean 'orders-api'?"],
    )
  })
  test('a name that objects inherit resolves to nothing', () => {
    const spec = { provider: 'constructor' }
    assert.deepEqual(codes(policyResource({ spec })), ['unknown_provider /spec/provider'])
  })
  test('S-04: a scope that the service does not have is refused', () => {
    const spec = { grant: { service: 'orders-api', scopes: ['orders:read', 'orders:wirte'] } }
    assert.deepEqual(codes(policyResource({ spec })), ['unknown_scope /spec/grant/scopes/1'])
  })
  test('S-16: another environment than the service’s is refused', () => {
    const metadata = { environment: 'staging' }
    assert.deepEqual(codes(policyResource({ metadata })), ['environment_mismatch /metadata/environment'])
    assert.deepEqual(codes(policyResource({ metadata, spec: { crossEnvironment: false } })), [
      'environment_mismatch /metadata/environment',
    ])
  })
  test('S-16: unless the policy says so itself', () => {
    const resource = policyResource({ metadata: { environment: 'staging' }, spec: { crossEnvironment: true } })
    assert.ok('policy' in compileTrustPolicy(resource, REFERENCES))
  })
  test('a limit that counts in another way than the proofs is refused', () => {
    assert.deepEqual(codes(policyResource({ spec: { limits: { usesPerMinute: 5 } } })), [
      'limit_unfit /spec/limits/usesPerMinute',
    ])
  })
  test('resolves names, durations, dates and claim types', () => {
    const policy = compile({
      match: {
        owner: 'acme',
        ref: { glob: 'refs/heads/*', notIn: ['refs/heads/old'] },
        groups: 'deployers',
        prop_x: 'y',
      },
      limits: {
        maxProofAge: '10m',
        maxUses: 3,
        sourceAddresses: ['10.0.0.0/8'],
        timeWindow: { days: ['mon', 'fri'], from: '08:00', to: '24:00', timeZone: 'UTC' },
      },
      expires: '2027-05-01',
    })
    assert.deepEqual(policy.conditions, [
      { claim: 'owner', claimType: 'string', foldCase: true, operator: 'eq', value: 'acme' },
      { claim: 'ref', claimType: 'string', operator: 'notIn', values: ['refs/heads/old'] },
      { claim: 'ref', claimType: 'string', operator: 'glob', pattern: 'refs/heads/*' },
      { claim: 'groups', claimType: 'strings', operator: 'eq', value: 'deployers' },
      { claim: 'prop_x', claimType: 'string', operator: 'eq', value: 'y' },
    ])
    assert.deepEqual(policy.limits, {
      maxProofAgeSeconds: 600,
      maxUses: 3,
      sourceAddresses: ['10.0.0.0/8'],
      timeWindow: { days: ['mon', 'fri'], fromMinute: 480, toMinute: 1440, timeZone: 'UTC' },
    })
    assert.equal(policy.providerId, 'tp_ci')
    assert.equal(policy.grant.service.id, 'svc_orders')
    assert.equal(policy.grant.ttlSeconds, 900)
    assert.equal(policy.expiresAt?.toISOString(), '2027-05-01T00:00:00.000Z')
  })
  test('the example of the design compiles', () => {
    const preset = findPreset('github-actions')
    assert.ok(preset)
    const provider = providerFixture({ name: 'github-acme', preset, freshness: preset.freshness })
    const policy = compile(
      {
        provider: 'github-acme',
        match: {
          repository_id: '456789',
          ref: 'refs/heads/main',
          environment: 'production',
          job_workflow_ref: 'acme/deploy/.github/workflows/release.yml@refs/heads/main',
          event_name: { in: ['push'] },
        },
        limits: { maxProofAge: '10m' },
      },
      {
        providersByName: new Map([['github-acme', provider]]),
        servicesByName: new Map([['orders-api', serviceFixture()]]),
      },
    )
    assert.equal(policy.conditions.length, 5)
    assert.equal(NOW.getTime() > 0, true)
  })
})
