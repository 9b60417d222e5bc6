import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findPreset, type TrustProvider } from '../attestors/index.ts'
import { type LintContext, lintTrustPolicy } from './lint.ts'
import { NOW, policyFixture, policyResource, providerFixture, REFERENCES, serviceFixture } from './policy.fixture.ts'

type Changes = Parameters<typeof policyResource>[0]

const TESTS = [
  {
    allow: {
      owner_id: '123',
      repository_id: '456',
      ref: 'refs/heads/main',
      environment: 'production',
      event_name: 'push',
    },
  },
  { deny: { change: { ref: 'refs/heads/x' } } },
]

function lint(changes: Changes = {}, context: Partial<LintContext> = {}) {
  const { document } = policyResource({ tests: TESTS, ...changes })
  const problems = lintTrustPolicy(document, { ...REFERENCES, now: NOW, ...context })
  for (const problem of problems) {
    assert.match(problem.pointer, /^\//)
    assert.notEqual(problem.detail, '')
    assert.notEqual(problem.fix, '')
  }
  return problems
}

function found(changes: Changes, context: Partial<LintContext> = {}): string[] {
  return lint(changes, context).map(({ severity, code, pointer }) => `${severity} ${code} ${pointer}`)
}

const match = (conditions: Record<string, unknown>): Changes => ({
  spec: { match: { repository_id: '456', ref: 'refs/heads/main', ...conditions } },
})

function only(provider: TrustProvider): Partial<LintContext> {
  return { providersByName: new Map([['ci', provider]]) }
}

describe('lintTrustPolicy', () => {
  test('says nothing about a good policy', () => assert.deepEqual(found({}), []))

  test('reports what stops it from compiling, and faults of its tests, at once', () => {
    assert.deepEqual(found({ spec: { provider: 'none', mode: 'enforce' }, tests: [{ allow: 5 }] }), [
      'error unknown_provider /spec/provider',
      'error wrong_type /tests/0/allow',
    ])
  })

  const conditions: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['S-11: a claim that proofs do not carry', { refs: 'x' }, 'error claim_unknown /spec/match/refs'],
    ['a number for a claim that is text', { environment: 5 }, 'error operator_type /spec/match/environment'],
    ['text for a number', { attempt: '1' }, 'error operator_type /spec/match/attempt'],
    ['lt on text', { environment: { lt: 5 } }, 'error operator_type /spec/match/environment/lt'],
    ['a glob on a number', { attempt: { glob: '1*' } }, 'error operator_type /spec/match/attempt/glob'],
    ['a range on a list', { groups: { cidr: ['10.0.0.0/8'] } }, 'error operator_type /spec/match/groups/cidr'],
    ['a boolean as text', { protected: 'true' }, 'error operator_type /spec/match/protected'],
    ['another owner than `require`', { owner_id: '999' }, 'error contradicts_require /spec/match/owner_id'],
    [
      'D-603: a wildcard over owners of a repository',
      { repository: { glob: '*/orders' } },
      'error tenant_wildcard /spec/match/repository/glob',
    ],
    [
      'D-603: a wildcard in part of the owner',
      { job_workflow_ref: { glob: 'ac*/deploy/.ci/release.yml@refs/heads/main' } },
      'error tenant_wildcard /spec/match/job_workflow_ref/glob',
    ],
    [
      'D-603: a pattern of an owner’s name',
      { owner: { glob: 'acme*' } },
      'error tenant_wildcard /spec/match/owner/glob',
    ],
    [
      'D-603: a pattern of an id',
      { repository_id: { glob: '45*' } },
      'error tenant_wildcard /spec/match/repository_id/glob',
    ],
    ['a deny list', { environment: { notIn: ['test'] } }, 'warning deny_list /spec/match/environment/notIn'],
    [
      'a claim that may have any value',
      { environment: { exists: true } },
      'warning any_value /spec/match/environment/exists',
    ],
    [
      'a claim that must be absent',
      { environment: { exists: false } },
      'warning absence_admits /spec/match/environment/exists',
    ],
    [
      'T21: pull_request_target into write scopes',
      { event_name: { in: ['push', 'pull_request_target'] } },
      'error danger_named /spec/match/event_name',
    ],
    [
      'T21: pull_request into write scopes',
      { event_name: 'pull_request' },
      'warning danger_named /spec/match/event_name',
    ],
  ]
  for (const [what, condition, problem] of conditions) {
    test(`reports ${what}`, () =>
      assert.ok(found(match(condition)).includes(problem), found(match(condition)).join('\n')))
  }

  test('names the claim that was probably meant, and how to quote an id', () => {
    const fixes = lint(match({ enviroment: 'production' })).map(({ fix }) => fix)
    assert.deepEqual(fixes, ["did you mean 'environment'?"])
    const quoted = lint({ spec: { match: { repository_id: 456, ref: 'refs/heads/main' } } })
    assert.equal(quoted[0]?.fix, 'quote the value: "456"')
  })

  test('T20, D-604: the name of a repository without its id is an error on a platform that many share', () => {
    const name = { spec: { match: { repository: 'acme/orders', ref: 'refs/heads/main' } } }
    assert.deepEqual(found(name), ['warning name_not_pinned /spec/match/repository'])
    const github = findPreset('github-actions')
    assert.ok(github)
    const provider = providerFixture({
      preset: github,
      freshness: github.freshness,
      require: { repository_owner_id: '1' },
    })
    const problem = lint({ ...name, tests: [{ allow: { ref: 'a' } }, { deny: { ref: 'b' } }] }, only(provider))[0]
    assert.equal(problem?.severity, 'error')
    assert.equal(problem?.code, 'name_not_pinned')
    assert.match(problem?.fix ?? '', /repository_id/)
    const both = { repository: 'acme/orders', repository_id: '1', ref: 'refs/heads/main' }
    assert.deepEqual(
      found({ spec: { match: both }, tests: [{ allow: { ref: 'a' } }, { deny: { ref: 'b' } }] }, only(provider)),
      [],
    )
  })

  test('D-603: wildcards in `sub` before its third segment are errors', () => {
    const oidc = findPreset('oidc')
    assert.ok(oidc)
    const provider = providerFixture({ preset: oidc, freshness: oidc.freshness, require: {} })
    const sub = (glob: string) => found({ spec: { match: { sub: { glob } } } }, only(provider))
    assert.ok(sub('repo:**').includes('error tenant_wildcard /spec/match/sub/glob'))
    assert.ok(sub('repo:*/x:ref').includes('error tenant_wildcard /spec/match/sub/glob'))
    assert.ok(sub('system:serviceaccount:*:deployer').includes('error tenant_wildcard /spec/match/sub/glob'))
    assert.ok(!sub('repo:acme/orders:**').some((problem) => problem.includes('tenant_wildcard')))
  })

  test('D-607: a policy for every workload of the tenant is a warning', () => {
    const problems = found({ spec: { match: { ref: 'refs/heads/main' } } })
    assert.deepEqual(problems, ['warning workload_not_named /spec/match'])
    assert.deepEqual(
      found({ spec: { match: { job_workflow_ref: 'acme/deploy/.ci/release.yml@refs/heads/main' } } }),
      [],
    )
  })

  test('D-605: scopes that change something for every branch are a warning', () => {
    assert.deepEqual(found({ spec: { match: { repository_id: '456' } } }), ['warning any_branch /spec/match'])
    const reads = { match: { repository_id: '456' }, grant: { service: 'orders-api', scopes: ['orders:read'] } }
    assert.deepEqual(found({ spec: reads }), [])
  })

  test('a danger for read scopes only is none', () => {
    const grant = { service: 'orders-api', scopes: ['orders:read'] }
    assert.deepEqual(found({ spec: { ...match({ event_name: 'pull_request' })?.spec, grant } }), [])
    assert.deepEqual(found({ spec: { ...match({ event_name: 'pull_request_target' })?.spec, grant } }), [
      'warning danger_named /spec/match/event_name',
    ])
  })

  test('one dangerous value of several is enough, and values that are none are none', () => {
    const github = findPreset('github-actions')
    assert.ok(github)
    const provider = providerFixture({ preset: github, freshness: github.freshness, require: {} })
    const events = (values: readonly string[]) =>
      found({ spec: { match: { repository_id: '1', ref: 'a', event_name: { in: values } } } }, only(provider))
    assert.ok(events(['push', 'issue_comment']).includes('warning danger_named /spec/match/event_name'))
    assert.ok(!events(['push', 'schedule']).some((problem) => problem.includes('danger_named')))
  })

  test('limits that the provider already undercuts are warnings', () => {
    const provider = providerFixture({
      freshness: { ...providerFixture().freshness, maxUses: 2, maxProofAgeSeconds: 60 },
      maxTtlSeconds: 300,
    })
    assert.deepEqual(found({ spec: { limits: { maxUses: 3, maxProofAge: '10m' } } }, only(provider)), [
      'warning limit_idle /spec/grant/ttl',
      'warning limit_idle /spec/limits/maxProofAge',
      'warning limit_idle /spec/limits/maxUses',
    ])
  })

  test('an expired policy, a review in years and missing tests are warnings', () => {
    assert.deepEqual(found({ spec: { expires: '2026-01-01' } }), ['warning expired /spec/expires'])
    assert.deepEqual(found({ metadata: { reviewBy: '2028-01-01' } }), ['warning review_far /metadata/reviewBy'])
    assert.deepEqual(found({ tests: [] }), ['warning tests_missing /tests'])
    assert.deepEqual(found({ tests: [TESTS[0]] }), ['warning tests_missing /tests'])
  })

  for (const purpose of [
    'TODO',
    'tbd: later',
    'change-me',
    'CHANGE ME',
    'x',
    '-',
    'n/a',
    'test',
    '...',
    'fixme please',
  ]) {
    test(`D-103: refuses the purpose ${JSON.stringify(purpose)}`, () => {
      assert.deepEqual(found({ metadata: { purpose } }), ['error placeholder /metadata/purpose'])
    })
  }
  test('D-103: refuses an owner that is a placeholder, and takes purposes that merely contain such a word', () => {
    assert.deepEqual(found({ metadata: { owner: 'team:change-me' } }), ['error placeholder /metadata/owner'])
    for (const purpose of ['runs the test suite', 'testing of releases', 'none of the other jobs may deploy']) {
      assert.deepEqual(found({ metadata: { purpose } }), [])
    }
  })

  test('a disabled provider or service is a warning', () => {
    const context = {
      providersByName: new Map([['ci', providerFixture({ enabled: false })]]),
      servicesByName: new Map([['orders-api', serviceFixture({ enabled: false })]]),
    }
    assert.deepEqual(found({}, context), [
      'warning disabled_reference /spec/provider',
      'warning disabled_reference /spec/grant/service',
    ])
  })

  describe('ambiguity with another policy', () => {
    const same = { repository_id: '456', ref: 'refs/heads/main' }
    const spec = { match: same }
    const other = policyFixture({
      id: 'pol_other',
      grant: { service: serviceFixture(), scopes: ['orders:write'], ttlSeconds: 900 },
    })
    const withOther = (changes: Parameters<typeof policyFixture>[0] = {}, id = 'pol_deploy') =>
      found({ spec }, { id, otherPolicies: [{ ...other, ...changes }] })

    test('equal conditions with grants that cannot be ordered are an error', () => {
      assert.deepEqual(withOther(), ['error ambiguous_with /spec/grant'])
    })
    test('equal conditions with equal grants are an error', () => {
      assert.deepEqual(withOther({ grant: policyFixture().grant }), ['error ambiguous_with /spec/grant'])
    })
    test('conditions of which one set lies in the other are a warning', () => {
      assert.deepEqual(withOther({ conditions: other.conditions.slice(0, 1) }), ['warning ambiguous_with /spec/grant'])
    })
    test('a shadow policy that would be ambiguous once enforced is a warning', () => {
      const problems = found({ spec: { ...spec, mode: 'shadow' } }, { otherPolicies: [other] })
      assert.deepEqual(problems, ['warning ambiguous_with /spec/grant'])
    })
    test('a smaller grant, another proof, another service and the policy itself are none', () => {
      const ttlSeconds = 60
      assert.deepEqual(withOther({ grant: { ...policyFixture().grant, ttlSeconds } }), [])
      assert.deepEqual(withOther({ conditions: [{ claim: 'ref', operator: 'eq', value: 'refs/heads/x' }] }), [])
      assert.deepEqual(withOther({ providerId: 'tp_other' }), [])
      assert.deepEqual(withOther({ mode: 'shadow' }), [])
      assert.deepEqual(withOther({ enabled: false }), [])
      assert.deepEqual(withOther({}, 'pol_other'), [])
    })
  })
})
