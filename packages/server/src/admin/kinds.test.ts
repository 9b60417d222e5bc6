import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ServiceError } from '../errors.ts'
import { parseResourceFile } from '../resources/index.ts'
import { LOCAL_SOCKET_ACTOR, workloadActor } from './actor.ts'
import { ALL, changed, openAdministration, POLICY, PROVIDER, SERVICE, TEAM } from './administration.test-support.ts'
import { findKindByPlural, KINDS, nounOf, schemaOf } from './kinds.ts'
import { refusePlan } from './refuse.ts'
import { ALL_MANAGEMENT_SCOPES, ROLES, type RoleName } from './scopes.ts'
import type { Plan, PlannedChange } from './types.ts'

describe('the kinds', () => {
  it('have scopes to read and to write each of them (W-06)', () => {
    for (const { plural } of KINDS) {
      for (const act of ['read', 'write'])
        assert.ok((ALL_MANAGEMENT_SCOPES as readonly string[]).includes(`${plural}:${act}`))
    }
  })

  it('have names, nouns and id prefixes of their own, and no noun is found by accident', () => {
    for (const member of ['kind', 'plural', 'idPrefix'] as const) {
      assert.equal(new Set(KINDS.map((kind) => kind[member])).size, KINDS.length)
    }
    for (const noun of ['', 'TrustPolicy', 'Trust-Policies', 'constructor', '__proto__']) {
      assert.equal(findKindByPlural(noun), undefined)
    }
    assert.equal(nounOf('TrustPolicy'), 'trust_policy')
  })

  it('have a JSON Schema that refuses unknown members', () => {
    for (const { kind, plural } of KINDS) {
      const schema = schemaOf(kind)
      assert.deepEqual(schemaOf(plural), schema)
      assert.equal(schema?.additionalProperties, false)
      assert.ok(schema)
      const { spec } = schema.properties as { spec: { additionalProperties?: unknown } }
      assert.equal(spec.additionalProperties, false, kind)
    }
    assert.equal(schemaOf('constructor'), undefined)
  })
})

describe('W-06: role x kind', () => {
  const change: PlannedChange = {
    action: 'update',
    kind: '',
    name: 'x',
    id: 'x',
    differences: [],
    effect: 'none',
    reasons: [],
    problems: [],
  }
  const plan: Plan = { changes: [], problems: [], widens: false, hash: '', baseRevision: 0 }
  const allowed = (role: RoleName, kind: string) => {
    const actor = workloadActor({ workloadId: 'wl_a', scopes: [`role:${role}`], policyId: 'pol_a' })
    try {
      const draft = { before: undefined, after: undefined, verb: 'updated' as const }
      refusePlan(plan, [{ draft, change: { ...change, kind } }], { actor, allowWidening: undefined, gate: true })
      return true
    } catch (error) {
      assert.equal((error as ServiceError).code, 'forbidden')
      return false
    }
  }

  it('changes exactly what the table of roles says', () => {
    const writers: Readonly<Record<string, readonly RoleName[]>> = {
      Team: ['policy-admin', 'owner'],
      Person: ['policy-admin', 'owner'],
      Service: ['policy-admin', 'owner'],
      Workload: ['operator', 'policy-admin', 'owner'],
      TrustProvider: ['owner'],
      TrustPolicy: ['policy-admin', 'owner'],
    }
    for (const { kind } of KINDS) {
      const roles = (Object.keys(ROLES) as RoleName[]).filter((role) => allowed(role, kind))
      assert.deepEqual(roles, writers[kind], kind)
    }
  })

  it('changes nothing of a kind that is not in the table', () => {
    assert.equal(allowed('owner', 'Unknown'), false)
    assert.equal(allowed('owner', 'constructor'), false)
  })
})

describe('T36: a stored document that is no longer valid', () => {
  it('denies alone: others can be changed, it can be deleted, and nothing that refers to it can be saved', async (t) => {
    const opened = await openAdministration(t)
    await opened.apply(ALL)
    const policy = await opened.byName('trust-policies', 'deploy-orders')
    const service = await opened.byName('services', 'orders-api')
    await opened.database.transaction(async (tx) => {
      for (const resource of [policy, service]) {
        const revision = await opened.database.revisions.append(tx, { kind: 'test', target: resource.id, detail: null })
        await opened.resources.put(tx, { ...resource, revision, document: { ...resource.document, spec: {} } })
      }
    })
    await opened.apply([changed(TEAM, { 'metadata.labels': { a: 'b' } })])
    await assert.rejects(
      opened.apply([changed(POLICY, { 'metadata.name': 'other' })]),
      (error: ServiceError) => error.code === 'validation_failed',
    )
    const remove = (plural: string, id: string) =>
      opened.administration.remove({ actor: LOCAL_SOCKET_ACTOR, plural, id })
    await remove('trust-policies', policy.id)
    await remove('services', service.id)
    assert.deepEqual(
      (await opened.revocations()).map(({ kind }) => kind),
      ['policy', 'service'],
    )
    await opened.apply([SERVICE, PROVIDER])
  })
})

describe('the documents of the design', () => {
  it('are read from YAML, applied in any order, and exported again', async (t) => {
    const { administration } = await openAdministration(t)
    const yaml = `
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: deploy-orders, owner: team:orders, purpose: deploys the orders API, environment: production, reviewBy: 2027-05-01 }
spec:
  provider: github-acme
  match:
    repository_id: "456789"
    ref: refs/heads/main
    environment: production
    job_workflow_ref: acme/deploy/.github/workflows/release.yml@refs/heads/main
    event_name: { in: [push] }
  grant: { service: orders-api, scopes: [orders:deploy], ttl: 15m }
  limits: { maxProofAge: 10m }
  mode: enforce
tests:
  - allow: { repository_owner_id: "123456", repository_id: "456789", ref: refs/heads/main, environment: production, event_name: push,
             job_workflow_ref: acme/deploy/.github/workflows/release.yml@refs/heads/main }
  - deny: { change: { event_name: pull_request_target } }
---
apiVersion: countersign/v1
kind: TrustProvider
metadata: { name: github-acme, owner: team:platform, purpose: CI of the acme organisation, reviewBy: 2027-05-01 }
spec:
  preset: github-actions
  issuer: https://token.actions.githubusercontent.com
  audience: https://sts.acme.example
  require: { repository_owner_id: "123456" }
---
apiVersion: countersign/v1
kind: Service
metadata: { name: orders-api, owner: team:orders, purpose: takes orders, environment: production }
spec:
  audience: https://orders.acme.internal
  scopes: [orders:read, orders:write, orders:deploy]
  verification: { maxStale: 30s, onUnavailable: deny }
`
    const { documents, faults } = parseResourceFile(yaml, 'all.yaml')
    assert.deepEqual(faults, [])
    const input = { actor: LOCAL_SOCKET_ACTOR, documents: documents.map(({ value }) => value) }
    const plan = await administration.plan(input)
    assert.deepEqual(
      plan.problems.filter(({ severity }) => severity === 'error'),
      [],
    )
    const result = await administration.apply({ ...input, allowWidening: plan.hash })
    assert.equal(result.applied, true)
    assert.deepEqual(
      (await administration.export()).map(({ kind }) => kind),
      ['Service', 'TrustProvider', 'TrustPolicy'],
    )
    const again = await administration.apply(input)
    assert.deepEqual(
      [again.revision, again.plan.changes.map(({ action }) => action)],
      [result.revision, ['none', 'none', 'none']],
    )
  })
})
