import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openTestDatabase } from '../../../../test/support/database.ts'
import type { JsonObject } from '../lib/index.ts'
import type { KindName, Resource } from '../resources/index.ts'
import { attestationFixture, NOW, requestFixture, serviceFixture } from './policy.fixture.ts'
import { buildSnapshot } from './snapshot.ts'
import { createSnapshotSource } from './snapshot-source.ts'
import type { PolicySnapshot } from './types.ts'

function resource(kind: KindName, id: string, name: string, spec: JsonObject, revision = 1): Resource {
  return {
    id,
    document: {
      apiVersion: 'countersign/v1',
      kind,
      metadata: { name, owner: 'team:a', purpose: 'p', environment: 'production', reviewBy: '2027-01-01' },
      spec,
    },
    revision,
    enabled: true,
    createdAt: NOW,
    updatedAt: NOW,
  }
}

const PROVIDER = resource('TrustProvider', 'tp_gh', 'github', {
  preset: 'github-actions',
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://sts.acme.example',
  require: { repository_owner_id: '1' },
})
const SERVICE = resource('Service', 'svc_orders', 'orders-api', {
  audience: 'https://orders.acme.internal',
  scopes: ['orders:read', 'orders:deploy'],
  verification: { maxStale: '30s', onUnavailable: 'deny' },
})
const policy = (changes: JsonObject = {}, revision = 1) =>
  resource(
    'TrustPolicy',
    'pol_deploy',
    'deploy',
    {
      provider: 'github',
      match: { repository_id: '456' },
      grant: { service: 'orders-api', scopes: ['orders:deploy'] },
      mode: 'enforce',
      ...changes,
    },
    revision,
  )
const MANAGEMENT = serviceFixture({ id: 'svc_management', name: 'management', audience: 'https://sts.acme.example/v1' })

function build(resources: readonly Resource[], previous?: PolicySnapshot): PolicySnapshot {
  return buildSnapshot({ resources, builtinServices: [MANAGEMENT], revision: 7, ...(previous ? { previous } : {}) })
}

function allows(snapshot: PolicySnapshot): boolean {
  const provider = snapshot.providers[0]
  assert.ok(provider)
  const claims = { repository_owner_id: '1', repository_id: '456', event_name: 'push' }
  const service = snapshot.services.byAudience.get('https://orders.acme.internal')
  return snapshot.policies.decide({
    attestation: attestationFixture({ provider, claims }),
    request: requestFixture({ service }),
    now: NOW,
  }).allowed
}

function faulty(snapshot: PolicySnapshot): string[] {
  for (const fault of snapshot.faults) assert.ok(fault.problems.length > 0)
  return snapshot.faults.map(({ resourceId }) => resourceId).sort()
}

describe('buildSnapshot', () => {
  test('T36: a policy that does not compile denies and is reported, the others stay', () => {
    const broken = { ...policy({ match: {} }), id: 'pol_broken' }
    const snapshot = build([PROVIDER, SERVICE, policy(), broken])
    assert.deepEqual(faulty(snapshot), ['pol_broken'])
    assert.equal(snapshot.policies.size, 1)
    assert.ok(allows(snapshot))
  })
  test('T36: a policy that is not even shaped like one denies and is reported', () => {
    const snapshot = build([PROVIDER, SERVICE, { ...policy(), document: { ...policy().document, spec: {} } }])
    assert.deepEqual(faulty(snapshot), ['pol_deploy'])
    assert.ok(!allows(snapshot))
  })
  test('D-602: a provider open to strangers does not compile, and takes its policies along', () => {
    const open = { ...PROVIDER, document: { ...PROVIDER.document, spec: { ...PROVIDER.document.spec, require: {} } } }
    const snapshot = build([open, SERVICE, policy()])
    assert.deepEqual(faulty(snapshot), ['pol_deploy', 'tp_gh'])
    assert.equal(snapshot.policies.size, 0)
    assert.deepEqual(snapshot.providers, [])
  })
  test('a policy whose service is gone denies and is reported', () => {
    assert.deepEqual(faulty(build([PROVIDER, policy()])), ['pol_deploy'])
  })
  test('S-16: two services with one audience are both left out', () => {
    const twin = resource('Service', 'svc_twin', 'twin', SERVICE.document.spec)
    const snapshot = build([PROVIDER, SERVICE, twin, policy()])
    assert.deepEqual(faulty(snapshot), ['pol_deploy', 'svc_orders', 'svc_twin'])
    assert.equal(snapshot.services.byAudience.get('https://orders.acme.internal'), undefined)
  })
  test('a stored service never takes the audience or the name of a built-in one', () => {
    const spec = { ...SERVICE.document.spec, audience: MANAGEMENT.audience }
    const byAudience = build([resource('Service', 'svc_evil', 'evil', spec)])
    assert.equal(byAudience.services.byAudience.get(MANAGEMENT.audience), MANAGEMENT)
    const byName = build([resource('Service', 'svc_evil', 'management', SERVICE.document.spec)])
    assert.equal(byName.services.byName.get('management'), MANAGEMENT)
    assert.deepEqual([faulty(byAudience), faulty(byName)], [['svc_evil'], ['svc_evil']])
  })
  test('a service that lost a granted scope denies the policy that grants it', () => {
    const spec = { ...SERVICE.document.spec, scopes: ['orders:read'] }
    const narrowed = resource('Service', 'svc_orders', 'orders-api', spec, 2)
    const snapshot = build([PROVIDER, narrowed, policy()], build([PROVIDER, SERVICE, policy()]))
    assert.deepEqual(faulty(snapshot), ['pol_deploy'])
    assert.ok(!allows(snapshot))
  })
  test('unchanged documents keep their objects; a changed one, and what depends on it, does not', () => {
    const first = build([PROVIDER, SERVICE, policy()])
    const same = build([PROVIDER, SERVICE, policy()], first)
    assert.equal(same.providers, first.providers)
    assert.equal(same.policiesById.get('pol_deploy'), first.policiesById.get('pol_deploy'))
    const changed = build([PROVIDER, SERVICE, policy({ match: { repository_id: '999' } }, 2)], first)
    assert.equal(changed.providers, first.providers)
    assert.ok(!allows(changed))
    const moved = build([{ ...PROVIDER, revision: 2 }, SERVICE, policy()], first)
    assert.notEqual(moved.providers[0], first.providers[0])
    assert.notEqual(moved.policiesById.get('pol_deploy'), first.policiesById.get('pol_deploy'))
  })
  test('a disabled policy, provider or service grants nothing, whatever was there before', () => {
    const first = build([PROVIDER, SERVICE, policy()])
    for (const [index] of [PROVIDER, SERVICE, policy()].entries()) {
      const resources = [PROVIDER, SERVICE, policy()].map((each, at) =>
        at === index ? { ...each, enabled: false } : each,
      )
      assert.ok(!allows(build(resources, first)))
    }
  })
})

describe('createSnapshotSource', () => {
  test('a revision counts as applied only when the snapshot contains it', async (scope) => {
    const database = await openTestDatabase(scope)
    let resources: readonly Resource[] = [PROVIDER, SERVICE, policy()]
    const source = await createSnapshotSource({
      database,
      loadAll: async () => resources,
      builtinServices: [MANAGEMENT],
    })
    assert.ok(allows(source.current()))
    resources = [PROVIDER, SERVICE]
    const revision = await database.transaction((tx) =>
      database.revisions.append(tx, { kind: 'document', target: 'pol_deploy', detail: {} }),
    )
    await database.revisions.refresh()
    assert.ok(!allows(source.current()))
    assert.equal(source.current().revision, revision)
    assert.equal(database.revisions.head().revision, revision)
    source.close()
  })

  test('when loading fails, the revision is not applied and the snapshot does not claim it', async (scope) => {
    const database = await openTestDatabase(scope)
    let failing = false
    const source = await createSnapshotSource({
      database,
      loadAll: async () => {
        if (failing) throw new Error('the disk is gone')
        return [PROVIDER, SERVICE, policy()]
      },
      builtinServices: [],
    })
    const before = source.current().revision
    failing = true
    await database.transaction((tx) => database.revisions.append(tx, { kind: 'document', target: 'x', detail: {} }))
    await assert.rejects(database.revisions.refresh())
    assert.equal(source.current().revision, before)
    assert.equal(database.revisions.head().revision, before)
    failing = false
    await database.revisions.refresh()
    assert.equal(source.current().revision, before + 1)
    source.close()
  })

  test('a revocation moves the revision and reads no documents', async (scope) => {
    const database = await openTestDatabase(scope)
    let loads = 0
    const source = await createSnapshotSource({
      database,
      loadAll: async () => {
        loads += 1
        return []
      },
      builtinServices: [],
    })
    await database.transaction((tx) => database.revisions.append(tx, { kind: 'revocation', target: 'x', detail: {} }))
    await database.revisions.refresh()
    assert.equal(loads, 1)
    assert.equal(source.current().revision, database.revisions.head().revision)
    source.close()
  })

  test('does not start when the documents cannot be read', async (scope) => {
    const database = await openTestDatabase(scope)
    const loadAll = async () => Promise.reject(new Error('the disk is gone'))
    await assert.rejects(createSnapshotSource({ database, loadAll, builtinServices: [] }))
  })
})
