import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceError } from '../errors.ts'
import { LOCAL_SOCKET_ACTOR as socket } from './actor.ts'
import {
  ALL,
  changed,
  ISSUER,
  MANAGEMENT_AUDIENCE,
  openAdministration,
  POLICY,
  PROVIDER,
  SERVICE,
  TEAM,
} from './administration.test-support.ts'

const hasCode = (code: string) => (error: ServiceError) => {
  assert.equal(error.code, code, error.stack)
  return true
}

/** That a refusal names these problems and stores nothing. */
async function refused(
  t: Parameters<typeof openAdministration>[0],
  documents: readonly unknown[],
  code: string,
  problems: readonly string[] = [],
) {
  const opened = await openAdministration(t)
  await assert.rejects(opened.apply(documents), (error: ServiceError) => {
    assert.equal(error.code, code, JSON.stringify(error.problems))
    for (const problem of problems)
      assert.ok(
        error.problems.some((found) => found.code === problem),
        JSON.stringify(error.problems),
      )
    return true
  })
  assert.deepEqual(await opened.exported(), [])
  assert.deepEqual(await opened.events(), [])
}

describe('apply refuses, and stores nothing of the set,', () => {
  const cases: readonly (readonly [string, readonly unknown[], string, readonly string[]])[] = [
    ['a set with one document that is not one', [...ALL, null], 'validation_failed', ['not_a_document']],
    [
      'a misspelt member',
      [TEAM, PROVIDER, SERVICE, changed(POLICY, { 'spec.mtach': {} })],
      'validation_failed',
      ['unknown_member'],
    ],
    ['the same document twice', [...ALL, TEAM], 'validation_failed', ['duplicate_document']],
    [
      'S-11: a provider on a shared issuer that pins no tenant',
      [TEAM, changed(PROVIDER, { 'spec.require': undefined })],
      'validation_failed',
      ['tenant_not_pinned'],
    ],
    ...['https://sts.acme.example', 'https://sts.acme.example/'].map((issuer) => {
      const spec = { preset: 'oidc', issuer, audience: 'https://proofs.acme.example', singleTenant: true }
      return [
        `S-09: ${issuer}, this installation itself, as an issuer of proofs`,
        [TEAM, { ...PROVIDER, spec }],
        'validation_failed',
        ['issuer_own'],
      ] as const
    }),
    [
      'S-12: an issuer without https',
      [TEAM, changed(PROVIDER, { 'spec.issuer': 'http://token.actions.githubusercontent.com' })],
      'validation_failed',
      [],
    ],
    [
      'S-12: an issuer with a wildcard',
      [TEAM, changed(PROVIDER, { 'spec.issuer': 'https://*.example.com' })],
      'validation_failed',
      [],
    ],
    ['T36: a policy of a provider that does not exist', [TEAM, SERVICE, POLICY], 'validation_failed', []],
    ['T36: a policy of a service that does not exist', [TEAM, PROVIDER, POLICY], 'validation_failed', []],
    [
      'T36: a policy whose provider is refused',
      [TEAM, SERVICE, POLICY, changed(PROVIDER, { 'spec.require': {} })],
      'validation_failed',
      ['tenant_not_pinned'],
    ],
    [
      'a policy that grants a scope which its service does not have',
      [TEAM, PROVIDER, SERVICE, changed(POLICY, { 'spec.grant.scopes': ['orders:admin'] })],
      'validation_failed',
      ['unknown_scope'],
    ],
    [
      'invariant 1: a policy without conditions',
      [TEAM, PROVIDER, SERVICE, changed(POLICY, { 'spec.match': {}, tests: undefined })],
      'validation_failed',
      [],
    ],
    [
      'S-16: a policy of another environment than its service',
      [TEAM, PROVIDER, SERVICE, changed(POLICY, { 'metadata.environment': 'staging' })],
      'validation_failed',
      [],
    ],
    [
      'a policy whose own test fails',
      [TEAM, PROVIDER, SERVICE, changed(POLICY, { 'spec.match.ref': 'refs/heads/release' })],
      'policy_tests_failed',
      [],
    ],
    [
      'the audience of another service',
      [TEAM, SERVICE, changed(SERVICE, { 'metadata.name': 'other' })],
      'validation_failed',
      ['audience_taken'],
    ],
    [
      'an audience that differs by a trailing slash only',
      [TEAM, SERVICE, changed(SERVICE, { 'metadata.name': 'other', 'spec.audience': 'https://orders.acme.internal/' })],
      'validation_failed',
      ['audience_taken'],
    ],
    [
      'the issuer as the audience of a service',
      [TEAM, changed(SERVICE, { 'spec.audience': ISSUER })],
      'validation_failed',
      ['audience_taken'],
    ],
    [
      'the audience of the management API for a service',
      [TEAM, changed(SERVICE, { 'spec.audience': MANAGEMENT_AUDIENCE })],
      'validation_failed',
      ['audience_taken'],
    ],
    [
      'the audience of proofs for a service',
      [
        TEAM,
        changed(PROVIDER, { 'spec.audience': 'https://proofs.acme.example' }),
        changed(SERVICE, { 'spec.audience': 'https://proofs.acme.example' }),
      ],
      'validation_failed',
      ['audience_taken'],
    ],
    [
      'the audience of the management API for proofs',
      [TEAM, changed(PROVIDER, { 'spec.audience': MANAGEMENT_AUDIENCE })],
      'validation_failed',
      ['audience_taken'],
    ],
    [
      'the name of the management API for a service',
      [TEAM, changed(SERVICE, { 'metadata.name': 'countersign-management' })],
      'validation_failed',
      ['reserved_name'],
    ],
    [
      'a reserved label',
      [changed(TEAM, { 'metadata.labels': { 'countersign.dev/owner': 'x' } })],
      'validation_failed',
      ['reserved_label'],
    ],
    [
      'a role that does not exist',
      [
        TEAM,
        PROVIDER,
        changed(POLICY, {
          'spec.grant': { service: 'countersign-management', scopes: ['role:admin'] },
          tests: undefined,
        }),
      ],
      'validation_failed',
      ['unknown_scope'],
    ],
  ]
  for (const [name, documents, code, problems] of cases) {
    it(name, async (t) => refused(t, documents, code, problems))
  }

  it('a set with two faults names both, and their documents', async (t) => {
    const { administration } = await openAdministration(t)
    const documents = [
      changed(SERVICE, { 'spec.audience': 'orders' }),
      changed(POLICY, { 'metadata.owner': undefined }),
    ]
    await assert.rejects(administration.apply({ actor: socket, documents }), (error: ServiceError) => {
      const found = error.problems.map(({ pointer, detail }) => [pointer, detail.split(':')[0]])
      assert.deepEqual(found, [
        ['/spec/audience', 'Service/orders-api'],
        ['/metadata/owner', 'TrustPolicy/deploy-orders'],
      ])
      return true
    })
  })

  it('a change of a service that breaks a policy which is not in the set (S-16)', async (t) => {
    const { apply, byName } = await openAdministration(t)
    await apply(ALL)
    await assert.rejects(apply([changed(SERVICE, { 'metadata.environment': 'staging' })]), hasCode('validation_failed'))
    await assert.rejects(apply([changed(SERVICE, { 'spec.scopes': ['orders:read'] })]), hasCode('validation_failed'))
    assert.equal((await byName('services', 'orders-api')).document.metadata.environment, 'production')
  })

  it('a change of a provider that makes a test of its policy fail', async (t) => {
    const { apply } = await openAdministration(t)
    await apply(ALL)
    const other = changed(PROVIDER, { 'spec.require': { repository_owner_id: '777' } })
    await assert.rejects(apply([other]), hasCode('policy_tests_failed'))
  })

  it('deleting what is referred to, naming the referrers', async (t) => {
    const { apply, administration, byName } = await openAdministration(t)
    await apply(ALL)
    for (const [plural, name, referrer] of [
      ['trust-providers', 'github-acme', 'TrustPolicy/deploy-orders'],
      ['services', 'orders-api', 'TrustPolicy/deploy-orders'],
      ['teams', 'orders', 'Service/orders-api'],
    ] as const) {
      const { id } = await byName(plural, name)
      await assert.rejects(administration.remove({ actor: socket, plural, id }), (error: ServiceError) => {
        assert.equal(error.code, 'conflict')
        assert.ok(error.detail?.includes(referrer), error.detail)
        return true
      })
    }
  })
})

describe('a widening is refused', () => {
  it('without the hash, with another hash, and with the hash of an older state', async (t) => {
    const { administration, plan, apply, byName } = await openAdministration(t)
    const input = { actor: socket, documents: ALL }
    await assert.rejects(administration.apply(input), hasCode('widening_refused'))
    await assert.rejects(administration.apply({ ...input, allowWidening: 'f'.repeat(32) }), hasCode('widening_refused'))
    const { hash } = await plan(ALL)
    // The provider that the policy refers to has appeared meanwhile: the author has not seen this state.
    await apply([TEAM, PROVIDER])
    await assert.rejects(administration.apply({ ...input, allowWidening: hash }), hasCode('widening_refused'))
    await assert.rejects(byName('trust-policies', 'deploy-orders'), hasCode('not_found'))
    await administration.apply({ ...input, allowWidening: (await plan(ALL)).hash })
  })

  it('T35: a replacement that leaves a condition out', async (t) => {
    const { administration, apply, byName } = await openAdministration(t)
    await apply(ALL)
    const { id } = await byName('trust-policies', 'deploy-orders')
    const looser = changed(POLICY, { 'spec.match.ref': undefined })
    await assert.rejects(administration.apply({ actor: socket, documents: [looser] }), hasCode('widening_refused'))
    await assert.rejects(
      administration.replace({ actor: socket, plural: 'trust-policies', id, document: looser }),
      hasCode('widening_refused'),
    )
    await assert.rejects(
      administration.patch({ actor: socket, plural: 'trust-policies', id, patch: { spec: { match: { ref: null } } } }),
      hasCode('widening_refused'),
    )
  })

  it('from shadow to enforce, and a provider that stops requiring something', async (t) => {
    const { administration, apply } = await openAdministration(t)
    const shadow = changed(POLICY, { 'spec.mode': 'shadow' })
    const strict = changed(PROVIDER, { 'spec.require.enterprise_id': '9' })
    const tested = changed(shadow, { tests: undefined })
    // A new shadow policy, its provider and its service admit nobody.
    await administration.apply({ actor: socket, documents: [TEAM, strict, SERVICE, tested] })
    await assert.rejects(
      administration.apply({ actor: socket, documents: [changed(tested, { 'spec.mode': 'enforce' })] }),
      hasCode('widening_refused'),
    )
    await assert.rejects(administration.apply({ actor: socket, documents: [PROVIDER] }), hasCode('widening_refused'))
    await apply([PROVIDER])
  })

  it('when a single new policy is created or replaces one', async (t) => {
    const { administration, apply, plan } = await openAdministration(t)
    await apply([TEAM, PROVIDER, SERVICE])
    await assert.rejects(administration.create({ actor: socket, document: POLICY }), hasCode('widening_refused'))
    const { hash } = await plan([POLICY])
    const created = await administration.create({ actor: socket, document: POLICY, allowWidening: hash })
    await assert.rejects(
      administration.create({ actor: socket, document: POLICY, allowWidening: hash }),
      hasCode('conflict'),
    )
    assert.equal(created.document.metadata.name, 'deploy-orders')
  })
})

describe('one resource is not changed', () => {
  it('W-10: when the caller has read another revision', async (t) => {
    const { administration, apply, byName } = await openAdministration(t)
    await apply(ALL)
    const { id, revision } = await byName('services', 'orders-api')
    const stale = { actor: socket, plural: 'services', id, ifMatch: revision - 1 }
    await assert.rejects(administration.replace({ ...stale, document: SERVICE }), hasCode('precondition_failed'))
    await assert.rejects(administration.patch({ ...stale, patch: {} }), hasCode('precondition_failed'))
    await assert.rejects(administration.setEnabled({ ...stale, enabled: false }), hasCode('precondition_failed'))
    await assert.rejects(administration.remove(stale), hasCode('precondition_failed'))
    const patch = { metadata: { purpose: 'takes and ships orders' } }
    const patched = await administration.patch({ ...stale, ifMatch: revision, patch })
    assert.equal(patched.document.metadata.purpose, 'takes and ships orders')
    await assert.rejects(administration.patch({ ...stale, ifMatch: revision, patch }), hasCode('precondition_failed'))
  })

  it('when it is of another kind, unknown, or an inherited name', async (t) => {
    const { administration, apply, byName } = await openAdministration(t)
    await apply(ALL)
    const { id } = await byName('services', 'orders-api')
    for (const [plural, wanted] of [
      ['teams', id],
      ['services', 'svc_none'],
      ['services', 'constructor'],
      ['nothing', id],
      ['__proto__', id],
      ['services', 'ORDERS-API'],
    ] as const) {
      await assert.rejects(administration.remove({ actor: socket, plural, id: wanted }), hasCode('not_found'))
      await assert.rejects(administration.get(plural, wanted), hasCode('not_found'))
    }
  })

  it('in its kind or name', async (t) => {
    const { administration, apply, byName } = await openAdministration(t)
    await apply(ALL)
    const { id } = await byName('services', 'orders-api')
    const rename = { actor: socket, plural: 'services', id }
    await assert.rejects(
      administration.patch({ ...rename, patch: { metadata: { name: 'x' } } }),
      hasCode('validation_failed'),
    )
    await assert.rejects(administration.replace({ ...rename, document: TEAM }), hasCode('validation_failed'))
    await assert.rejects(administration.patch({ ...rename, patch: [] }), hasCode('validation_failed'))
    await assert.rejects(
      administration.patch({ ...rename, patch: JSON.parse('{"__proto__":{"a":1}}') }),
      hasCode('validation_failed'),
    )
  })

  it('T35: in members that a patch does not name', async (t) => {
    const { administration, apply, byName } = await openAdministration(t)
    await apply(ALL)
    const before = await byName('trust-policies', 'deploy-orders')
    const patched = await administration.patch({
      actor: socket,
      plural: 'trust-policies',
      id: before.id,
      patch: { spec: { limits: { maxUses: 1 } }, metadata: { reviewBy: '2027-01-01' } },
    })
    assert.deepEqual(
      patched.document,
      changed(before.document, { 'spec.limits.maxUses': 1, 'metadata.reviewBy': '2027-01-01' }),
    )
  })
})

describe('a plan', () => {
  it('does not depend on the order of the documents', async (t) => {
    const { plan } = await openAdministration(t)
    const forward = await plan(ALL)
    const backward = await plan([...ALL].reverse())
    assert.deepEqual(backward, forward)
    assert.deepEqual(
      forward.problems.filter(({ severity }) => severity === 'error'),
      [],
    )
  })

  it('names each differing member with both sides, and says what moves', async (t) => {
    const { plan, apply } = await openAdministration(t)
    await apply(ALL)
    const narrower = changed(POLICY, { 'spec.grant.ttl': '5m', 'metadata.purpose': 'deploys' })
    const { changes, widens } = await plan([narrower])
    assert.equal(widens, false)
    assert.deepEqual(
      changes.map(({ action, name, effect }) => [action, name, effect]),
      [['update', 'deploy-orders', 'narrows']],
    )
    assert.deepEqual(changes[0]?.differences, [
      { pointer: '/metadata/purpose', before: '"deploys the orders API"', after: '"deploys"' },
      { pointer: '/spec/grant/ttl', before: '"15m"', after: '"5m"' },
    ])
    assert.ok((changes[0]?.reasons.length ?? 0) > 0)
  })

  it('of what is exported changes nothing', async (t) => {
    const { apply, plan, exported } = await openAdministration(t)
    await apply(ALL, { set: 'orders' })
    const again = await plan(await exported())
    assert.deepEqual(
      again.changes.map(({ action }) => action),
      ['none', 'none', 'none', 'none'],
    )
    assert.deepEqual((await plan(JSON.parse(JSON.stringify(await exported())))).changes.length, 4)
  })

  it('writes nothing, and neither do a dry run and lint (kubernetes #35222: also not with prune)', async (t) => {
    const { administration, apply, exported, events } = await openAdministration(t)
    await apply(ALL, { set: 'orders' })
    const [before, eventsBefore] = [await exported(), await events()]
    const prune = { actor: socket, documents: [TEAM, PROVIDER, SERVICE], prune: { set: 'orders' } }
    const plan = await administration.plan(prune)
    assert.deepEqual(
      plan.changes.filter(({ action }) => action === 'delete').map(({ name }) => name),
      ['deploy-orders'],
    )
    const dry = await administration.apply({ ...prune, dryRun: true })
    assert.deepEqual([dry.applied, dry.plan], [false, plan])
    assert.ok(
      (await administration.lint([changed(PROVIDER, { 'spec.require': {} })])).some(
        ({ code }) => code === 'tenant_not_pinned',
      ),
    )
    assert.deepEqual([await exported(), await events()], [before, eventsBefore])
  })

  it('refuses in a dry run what it refuses in an apply', async (t) => {
    const { administration } = await openAdministration(t)
    await assert.rejects(
      administration.apply({ actor: socket, documents: ALL, dryRun: true }),
      hasCode('widening_refused'),
    )
  })

  it('warns of an owner that nobody has registered and of a review that is overdue', async (t) => {
    const { plan } = await openAdministration(t)
    const { problems } = await plan([changed(SERVICE, { 'metadata.reviewBy': '2026-11-23' })])
    assert.deepEqual(
      problems.map(({ severity, code }) => [severity, code]),
      [
        ['warning', 'unknown_owner'],
        ['warning', 'review_overdue'],
      ],
    )
  })
})

describe('a set', () => {
  it('loses by prune only what was applied under its own name', async (t) => {
    const { apply, exported } = await openAdministration(t)
    await apply([TEAM], { set: 'base' })
    await apply([PROVIDER, SERVICE, POLICY], { set: 'orders' })
    await apply([PROVIDER, SERVICE], { set: 'orders' })
    assert.deepEqual(
      (await exported()).map(({ kind }) => kind),
      ['Team', 'Service', 'TrustProvider'],
    )
    await apply([], { set: 'nobody' })
    assert.equal((await exported()).length, 3)
  })

  it('keeps a document that is applied again without a set name', async (t) => {
    const { apply, plan } = await openAdministration(t)
    await apply([TEAM], { set: 'base' })
    assert.deepEqual(
      (await plan([TEAM])).changes.map(({ action }) => action),
      ['none'],
    )
  })

  it('refuses a document that says it belongs to another', async (t) => {
    const { apply } = await openAdministration(t)
    const labelled = changed(TEAM, { 'metadata.labels': { 'countersign.dev/set': 'other' } })
    await assert.rejects(apply([labelled], { set: 'base' }), hasCode('validation_failed'))
  })
})
