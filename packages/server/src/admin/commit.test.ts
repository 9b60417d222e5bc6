import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeEvent } from '../audit/index.ts'
import type { ServiceError } from '../errors.ts'
import { buildSnapshot } from '../policy/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { LOCAL_SOCKET_ACTOR as socket, workloadActor } from './actor.ts'
import {
  ADMIN_POLICY,
  ALL,
  changed,
  MANAGEMENT_AUDIENCE,
  openAdministration,
  POLICY,
  PROVIDER,
  SERVICE,
  TEAM,
} from './administration.test-support.ts'
import { managementService } from './management-service.ts'
import type { Actor } from './types.ts'

const hasCode = (code: string) => (error: ServiceError) => {
  assert.equal(error.code, code, error.stack)
  return true
}

/** Fails at the revision that is `fault.after` appends ahead, inside the transaction; 0 never fails. */
function failing(fault: { after: number }) {
  return (database: Database<Tables>): Database<Tables> => ({
    ...database,
    revisions: {
      ...database.revisions,
      append: async (tx, change) => {
        fault.after -= 1
        if (fault.after === 0) throw new Error('in the middle')
        return database.revisions.append(tx, change)
      },
    },
  })
}

describe('an apply that fails in the middle', () => {
  it('leaves nothing: no document, no state, no event, no revocation, no revision', async (t) => {
    const fault = { after: 0 }
    const opened = await openAdministration(t, failing(fault))
    await opened.apply(ALL)
    const count = async () => {
      const { read } = opened.database
      return {
        documents: await read.selectFrom('documents').selectAll().orderBy('id').execute(),
        states: await read.selectFrom('document_revisions').selectAll().orderBy('revision').execute(),
        events: await opened.events(),
        pending: await read.selectFrom('pending_events').select('event_id').execute(),
        revocations: await opened.revocations(),
        revisions: await read.selectFrom('revisions').select('revision').execute(),
      }
    }
    const before = await count()
    fault.after = 3
    const next = [
      changed(PROVIDER, { 'spec.maxTtl': '5m' }),
      changed(SERVICE, { 'metadata.purpose': 'x' }),
      changed(POLICY, { 'spec.grant.ttl': '5m' }),
    ]
    await assert.rejects(opened.apply(next), /in the middle/)
    assert.deepEqual(await count(), before)
    await opened.apply(next)
    assert.equal((await count()).revisions.length, before.revisions.length + 3)
  })
})

describe('revocation by change (design section 5, invariant 7)', () => {
  it('covers what was issued under the wider policy, and nothing after', async (t) => {
    const { apply, byName, revocations, now } = await openAdministration(t)
    await apply(ALL)
    assert.deepEqual(await revocations(), [])
    await apply([changed(POLICY, { 'spec.grant.ttl': '5m' })])
    const policy = await byName('trust-policies', 'deploy-orders')
    const rows = await revocations()
    assert.deepEqual(
      rows.map(({ kind, value, revision, up_to_revision }) => ({ kind, value, revision, up_to_revision })),
      [{ kind: 'policy', value: policy.id, revision: policy.revision, up_to_revision: policy.revision - 1 }],
    )
    assert.ok(Number(rows[0]?.expires_at) >= now().getTime() + 3_600_000)
  })

  for (const [name, document, kind] of [
    ['a provider that requires more', changed(PROVIDER, { 'spec.require.enterprise_id': '1' }), 'provider'],
    [
      'a service that loses a scope which nobody is granted',
      changed(SERVICE, { 'spec.scopes': ['orders:read', 'orders:deploy'] }),
      'service',
    ],
    ['a policy that goes back to shadow', changed(POLICY, { 'spec.mode': 'shadow', tests: undefined }), 'policy'],
    [
      'a policy that moves both ways',
      changed(POLICY, { 'spec.match.ref': 'refs/heads/release', tests: undefined }),
      'policy',
    ],
  ] as const) {
    it(`is written for ${name}`, async (t) => {
      const { apply, revocations } = await openAdministration(t)
      await apply([TEAM, PROVIDER, SERVICE, changed(POLICY, { tests: undefined })])
      await apply([document])
      assert.deepEqual(
        (await revocations()).map((row) => row.kind),
        [kind],
      )
    })
  }

  for (const [name, document] of [
    ['a purpose that is reworded', changed(POLICY, { 'metadata.purpose': 'deploys the orders API daily' })],
    ['a test that is added', changed(POLICY, { tests: [...POLICY.tests, { deny: { change: { ref: 'x' } } }] })],
    ['a policy that only widens', changed(POLICY, { 'spec.grant.ttl': '30m' })],
    ['a service with one more scope', changed(SERVICE, { 'spec.scopes': [...SERVICE.spec.scopes, 'orders:list'] })],
  ] as const) {
    it(`is not written for ${name}`, async (t) => {
      const { apply, revocations } = await openAdministration(t)
      await apply(ALL)
      await apply([document])
      assert.deepEqual(await revocations(), [])
    })
  }

  it('is written for each deletion, and stays when the deletion is undone', async (t) => {
    const { administration, apply, byName, revocations, advance } = await openAdministration(t)
    await apply(ALL)
    const { id } = await byName('trust-policies', 'deploy-orders')
    await administration.remove({ actor: socket, plural: 'trust-policies', id })
    const [row] = await revocations()
    assert.deepEqual([row?.kind, row?.value], ['policy', id])
    advance(60_000)
    const restored = await administration.restore({ actor: socket, plural: 'trust-policies', id })
    assert.equal(restored.id, id)
    assert.ok(restored.revision > Number(row?.revision))
    assert.deepEqual((await revocations()).length, 1)
  })

  it('is not written by disable, which only stops new exchanges', async (t) => {
    const { administration, apply, byName, revocations } = await openAdministration(t)
    await apply(ALL)
    const { id } = await byName('trust-providers', 'github-acme')
    const disabled = await administration.setEnabled({ actor: socket, plural: 'trust-providers', id, enabled: false })
    assert.equal(disabled.enabled, false)
    assert.equal(
      (await administration.setEnabled({ actor: socket, plural: 'trust-providers', id, enabled: true })).enabled,
      true,
    )
    assert.deepEqual(await revocations(), [])
  })
})

describe('a removed resource', () => {
  it('cannot be restored after 7 days, under another kind, or when its name is taken', async (t) => {
    const { administration, apply, byName, advance } = await openAdministration(t)
    await apply(ALL)
    const { id } = await byName('trust-policies', 'deploy-orders')
    await assert.rejects(administration.restore({ actor: socket, plural: 'trust-policies', id }), hasCode('not_found'))
    await administration.remove({ actor: socket, plural: 'trust-policies', id })
    await assert.rejects(administration.restore({ actor: socket, plural: 'services', id }), hasCode('not_found'))
    await apply([POLICY])
    await assert.rejects(administration.restore({ actor: socket, plural: 'trust-policies', id }), hasCode('conflict'))
    advance(7 * 86_400_000)
    await assert.rejects(administration.restore({ actor: socket, plural: 'trust-policies', id }), hasCode('not_found'))
  })

  it('is checked again when it is restored', async (t) => {
    const { administration, apply, byName } = await openAdministration(t)
    await apply(ALL)
    const { id } = await byName('trust-policies', 'deploy-orders')
    await administration.remove({ actor: socket, plural: 'trust-policies', id })
    const service = await byName('services', 'orders-api')
    await administration.remove({ actor: socket, plural: 'services', id: service.id })
    await assert.rejects(
      administration.restore({ actor: socket, plural: 'trust-policies', id }),
      hasCode('validation_failed'),
    )
  })
})

describe('every change is audited (A-01)', () => {
  it('with one event each, by the actor, naming members and not values', async (t) => {
    const { administration, apply, byName, events } = await openAdministration(t)
    const canary = 'canary-3f9a'
    await apply([TEAM, PROVIDER, SERVICE, changed(POLICY, { 'metadata.purpose': canary })])
    await apply([changed(POLICY, { 'metadata.purpose': `${canary} 2`, 'spec.grant.ttl': '5m' })])
    const { id } = await byName('trust-policies', 'deploy-orders')
    await administration.setEnabled({ actor: socket, plural: 'trust-policies', id, enabled: false })
    await administration.setEnabled({ actor: socket, plural: 'trust-policies', id, enabled: true })
    await administration.remove({ actor: socket, plural: 'trust-policies', id })
    await administration.restore({ actor: socket, plural: 'trust-policies', id })
    const found = await events()
    assert.deepEqual(found.map(({ kind, outcome, actor }) => [kind, outcome, actor].join(' ')).sort(), [
      'service.created done local-socket',
      'team.created done local-socket',
      'trust_policy.created done local-socket',
      'trust_policy.deleted done local-socket',
      'trust_policy.disabled done local-socket',
      'trust_policy.enabled done local-socket',
      'trust_policy.restored done local-socket',
      'trust_policy.updated done local-socket',
      'trust_provider.created done local-socket',
    ])
    for (const { body } of found) assert.ok(!Buffer.from(body).toString().includes(canary))
    const updated = found.find(({ kind }) => kind === 'trust_policy.updated')
    assert.ok(updated)
    const { data } = decodeEvent(updated.body)
    assert.deepEqual(data.pointers, ['/metadata/purpose', '/spec/grant/ttl'])
    assert.equal(data.effect, 'narrows')
    assert.equal(data.revoked_up_to_revision, Number(data.revision) - 1)
  })

  it('within the size of an event, however many members differ', async (t) => {
    const { apply, events } = await openAdministration(t)
    const labels = Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`${'x'.repeat(120)}${index}`, 'y']))
    await apply([changed(TEAM, { 'metadata.labels': labels }), PROVIDER, SERVICE])
    await apply([changed(TEAM, { 'metadata.labels': { ...labels, ...{ last: 'x' } } })])
    for (const { body } of await events()) assert.ok(body.byteLength <= 8192)
  })
})

describe('W-06, invariant 10: an actor', () => {
  const admin = async (
    opened: Awaited<ReturnType<typeof openAdministration>>,
    role = 'role:policy-admin',
  ): Promise<Actor> => {
    await opened.apply([...ALL, changed(ADMIN_POLICY, { 'spec.grant.scopes': [role] })])
    const { id } = await opened.byName('trust-policies', 'administer')
    return workloadActor({ workloadId: 'wl_admin', scopes: [role], policyId: id })
  }

  it('without the write scope of a kind in the set changes nothing, whatever else it may', async (t) => {
    const opened = await openAdministration(t)
    await opened.apply(ALL)
    const actor = workloadActor({
      workloadId: 'wl_a',
      scopes: ['resources:apply', 'services:write', 'teams:read'],
      policyId: 'pol_x',
    })
    const documents = [changed(TEAM, { 'spec.members': ['ann'] }), changed(SERVICE, { 'metadata.purpose': 'x' })]
    await assert.rejects(opened.apply(documents, { actor }), (error: ServiceError) => {
      assert.equal(error.code, 'forbidden')
      assert.match(error.detail ?? '', /teams:write$/)
      return true
    })
    const { id } = await opened.byName('teams', 'orders')
    await assert.rejects(
      opened.administration.patch({ actor, plural: 'teams', id, patch: { spec: { members: ['x'] } } }),
      hasCode('forbidden'),
    )
    await opened.apply([changed(SERVICE, { 'metadata.purpose': 'x' })], { actor })
  })

  it('does not grant what it does not hold, and the attempt is an event', async (t) => {
    const opened = await openAdministration(t)
    const actor = await admin(opened)
    const more = changed(ADMIN_POLICY, { 'metadata.name': 'more', 'spec.grant.scopes': ['role:owner'] })
    await assert.rejects(opened.apply([more], { actor }), hasCode('escalation_refused'))
    await assert.rejects(opened.byName('trust-policies', 'more'), hasCode('not_found'))
    const refusals = (await opened.events()).filter(({ kind }) => kind === 'administration.refused')
    assert.deepEqual(
      refusals.map(({ outcome, actor: who, workload_id }) => [outcome, who, workload_id]),
      [['denied', 'workload:wl_admin', 'wl_admin']],
    )
  })

  it('does not widen its own policy or its own provider, by any verb', async (t) => {
    const opened = await openAdministration(t)
    const actor = await admin(opened, 'role:owner')
    const { administration } = opened
    const policy = await opened.byName('trust-policies', 'administer')
    const provider = await opened.byName('trust-providers', 'github-acme')
    const looser = changed(policy.document, { 'spec.match.ref': undefined })
    await assert.rejects(opened.apply([looser], { actor }), hasCode('escalation_refused'))
    const { hash } = await opened.plan([looser])
    const ids = { actor, plural: 'trust-policies', id: policy.id, allowWidening: hash }
    await assert.rejects(administration.replace({ ...ids, document: looser }), hasCode('escalation_refused'))
    await assert.rejects(
      administration.patch({ ...ids, patch: { spec: { match: { ref: null } } } }),
      hasCode('escalation_refused'),
    )
    const wider = changed(provider.document, { 'spec.require': { repository_owner_id: '777' } })
    await assert.rejects(
      opened.apply([wider, changed(POLICY, { tests: undefined })], { actor }),
      hasCode('escalation_refused'),
    )
    // Off is free; on again is widening what admits oneself.
    await administration.setEnabled({ actor, plural: 'trust-policies', id: policy.id, enabled: false })
    await assert.rejects(
      administration.setEnabled({ actor, plural: 'trust-policies', id: policy.id, enabled: true }),
      hasCode('escalation_refused'),
    )
    await administration.remove({ actor, plural: 'trust-policies', id: policy.id })
    await assert.rejects(
      administration.restore({ actor, plural: 'trust-policies', id: policy.id }),
      hasCode('escalation_refused'),
    )
  })

  it('does not add an issuer unless it is an owner (S-12), nor restore or turn one', async (t) => {
    const opened = await openAdministration(t)
    await opened.apply([
      ...ALL,
      changed(ADMIN_POLICY, { 'spec.grant.scopes': ['role:policy-admin', 'trust-providers:write'] }),
    ])
    const { id } = await opened.byName('trust-policies', 'administer')
    const actor = workloadActor({
      workloadId: 'wl_admin',
      scopes: ['role:policy-admin', 'trust-providers:write'],
      policyId: id,
    })
    const other = changed(PROVIDER, { 'metadata.name': 'other', 'spec.require': { repository_owner_id: '5' } })
    await assert.rejects(opened.apply([other], { actor }), hasCode('escalation_refused'))
    await opened.apply([other])
    await assert.rejects(
      opened.apply([changed(other, { 'spec.audience': 'https://else.example' })], { actor }),
      hasCode('escalation_refused'),
    )
    const provider = await opened.byName('trust-providers', 'other')
    await opened.administration.remove({ actor, plural: 'trust-providers', id: provider.id })
    await assert.rejects(
      opened.administration.restore({ actor, plural: 'trust-providers', id: provider.id }),
      hasCode('escalation_refused'),
    )
  })

  it('saves roles as the scopes that they are today', async (t) => {
    const opened = await openAdministration(t)
    await admin(opened, 'role:viewer')
    const { document } = await opened.byName('trust-policies', 'administer')
    const { scopes } = document.spec.grant as { scopes: readonly string[] }
    assert.ok(scopes.includes('status:read') && !scopes.some((scope) => scope.startsWith('role:')))
    const again = await opened.plan([changed(ADMIN_POLICY, { 'spec.grant.scopes': ['role:viewer'] })])
    assert.deepEqual(
      again.changes.map(({ action }) => action),
      ['none'],
    )
  })
})

describe('changes at the same time', () => {
  it('of two replicas are made on what the other has written', async (t) => {
    const opened = await openAdministration(t)
    const other = opened.replica()
    await opened.apply([TEAM, PROVIDER, SERVICE])
    const { hash } = await other.plan({ actor: socket, documents: [POLICY] })
    await opened.apply([changed(PROVIDER, { 'spec.maxTtl': '10m' })])
    // The other replica had the older provider in memory; it must not let the old hash pass.
    await assert.rejects(
      other.apply({ actor: socket, documents: [POLICY], allowWidening: hash }),
      hasCode('widening_refused'),
    )
    const labels = (name: string) => ({
      actor: socket,
      plural: 'teams',
      id: 'orders',
      patch: { metadata: { labels: { [name]: 'x' } } },
    })
    await Promise.all(
      ['a', 'b', 'c'].flatMap((name) => [
        opened.administration.patch(labels(`${name}1`)),
        other.patch(labels(`${name}2`)),
      ]),
    )
    const { document } = await opened.byName('teams', 'orders')
    assert.deepEqual(Object.keys(document.metadata.labels ?? {}).sort(), ['a1', 'a2', 'b1', 'b2', 'c1', 'c2'])
  })

  it('are all made or refused as a whole, on the state that they see', async (t) => {
    const opened = await openAdministration(t)
    await opened.apply([TEAM])
    const { id } = await opened.byName('teams', 'orders')
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        opened.administration.patch({
          actor: socket,
          plural: 'teams',
          id,
          patch: { metadata: { labels: { [`l${index}`]: 'x' } } },
        }),
      ),
    )
    const made = outcomes.filter(({ status }) => status === 'fulfilled').length
    const { document } = await opened.byName('teams', 'orders')
    // No patch is lost: each that was acknowledged is in the result.
    assert.equal(Object.keys(document.metadata.labels ?? {}).length, made)
    for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'conflict')
  })

  it('with If-Match let exactly one win', async (t) => {
    const opened = await openAdministration(t)
    await opened.apply([TEAM])
    const { id, revision } = await opened.byName('teams', 'orders')
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        opened.administration.patch({
          actor: socket,
          plural: 'teams',
          id,
          ifMatch: revision,
          patch: { metadata: { labels: { [`l${index}`]: 'x' } } },
        }),
      ),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  })
})

describe('any sequence of changes', () => {
  it('leaves a state that compiles, exports to no change, and is the newest of its revisions', async (t) => {
    const policies = fc.record({
      name: fc.constantFrom('one', 'two'),
      ref: fc.constantFrom('refs/heads/main', 'refs/heads/x', undefined),
      ttl: fc.constantFrom('5m', '15m'),
      mode: fc.constantFrom('enforce', 'shadow'),
    })
    const opened = await openAdministration(t)
    await opened.apply([TEAM, PROVIDER, SERVICE])
    const management = managementService({ audience: MANAGEMENT_AUDIENCE })
    const step = fc.oneof(
      policies.map(({ name, ref, ttl, mode }) => async () => {
        const document = changed(POLICY, {
          'metadata.name': name,
          'spec.match.ref': ref,
          'spec.grant.ttl': ttl,
          'spec.mode': mode,
          tests: undefined,
        })
        await opened.apply([document], { set: 'random' })
      }),
      fc
        .record({
          plural: fc.constantFrom('trust-policies', 'trust-providers', 'services', 'teams'),
          act: fc.constantFrom('remove', 'disable', 'enable'),
        })
        .map(({ plural, act }) => async () => {
          const { items } = await opened.administration.list({ plural, limit: 10 })
          const id = items[0]?.id ?? 'none'
          if (act === 'remove') await opened.administration.remove({ actor: socket, plural, id })
          else await opened.administration.setEnabled({ actor: socket, plural, id, enabled: act === 'enable' })
        }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        for (const run of steps) {
          await run().catch((error: ServiceError) =>
            assert.ok(['conflict', 'not_found', 'validation_failed'].includes(error.code), error.stack),
          )
        }
        const resources = await opened.resources.loadAll()
        const snapshot = buildSnapshot({ resources, builtinServices: [management], revision: 1 })
        assert.deepEqual(snapshot.faults, [])
        const plan = await opened.plan(await opened.exported())
        assert.ok(plan.changes.every(({ action }) => action === 'none'))
        const at = await opened.resources.loadAllAt(await opened.resources.newestRevision())
        assert.deepEqual(
          at.map(({ id, revision }) => [id, revision]),
          resources.map(({ id, revision }) => [id, revision]),
        )
        for (const row of await opened.revocations()) assert.equal(Number(row.up_to_revision), Number(row.revision) - 1)
      }),
      { numRuns: 12 },
    )
  })
})
