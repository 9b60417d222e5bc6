import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ServiceError } from '../errors.ts'
import { buildSnapshot } from '../policy/index.ts'
import { LOCAL_SOCKET_ACTOR, workloadActor } from './actor.ts'
import {
  ADMIN_POLICY,
  ALL,
  changed,
  MANAGEMENT_AUDIENCE,
  openAdministration,
  POLICY,
  SERVICE,
} from './administration.test-support.ts'
import { managementService } from './management-service.ts'
import { ALL_MANAGEMENT_SCOPES } from './scopes.ts'

const VERIFIER = changed(POLICY, {
  'metadata.name': 'verify-orders',
  'spec.grant': { service: 'countersign-management', scopes: ['verify:orders-api'], ttl: '15m' },
  tests: undefined,
})

const STOCK = changed(SERVICE, {
  'metadata.name': 'stock-api',
  'spec.audience': 'https://stock.acme.internal',
})

const granting = (...scopes: string[]) => changed(VERIFIER, { 'spec.grant.scopes': scopes })

function problemsOf(error: unknown): readonly { code: string; detail: string }[] {
  assert.ok(error instanceof ServiceError, String(error))
  return error.problems
}

describe('verify:NAME in policies', () => {
  it('is refused for a service that does not exist, and the lint names it', async (t) => {
    const { apply } = await openAdministration(t)
    await apply(ALL)
    for (const name of ['orders-apo', 'countersign-management', 'github-acme', '*', 'orders-api:read', '__proto__']) {
      const error = await apply([granting(`verify:${name}`)]).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      const [problem] = problemsOf(error).filter(({ code }) => code === 'unknown_service')
      assert.match(problem?.detail ?? '', new RegExp(`no service named '${name.replaceAll('*', '\\*')}'`), name)
    }
    for (const scope of ['verify', 'verify:', 'VERIFY:orders-api']) {
      await assert.rejects(apply([granting(scope)]), (error) => problemsOf(error).length > 0, scope)
    }
  })

  it('is valid for each service there is, also one of the same apply, and compiles into the snapshot', async (t) => {
    const { apply, resources } = await openAdministration(t)
    await apply([...ALL, STOCK, granting('verify:orders-api', 'verify:stock-api')])
    const management = managementService({ audience: MANAGEMENT_AUDIENCE })
    const snapshot = buildSnapshot({ resources: await resources.loadAll(), builtinServices: [management], revision: 1 })
    assert.deepEqual(snapshot.faults, [])
    const service = snapshot.services.byName.get('countersign-management')
    const verify = ['verify:orders-api', 'verify:stock-api']
    assert.deepEqual(service?.scopes, [...ALL_MANAGEMENT_SCOPES, ...verify])
    assert.deepEqual(
      service?.readScopes.filter((scope) => scope.startsWith('verify:')),
      verify,
      'they only read',
    )
    assert.equal(snapshot.services.byName.get('orders-api')?.scopes.includes('verify:stock-api'), false)
    const again = buildSnapshot({
      resources: await resources.loadAll(),
      builtinServices: [management],
      revision: 2,
      previous: snapshot,
    })
    assert.equal(again.services.byName.get('countersign-management'), service, 'the same object while nothing changes')
  })

  it('keeps its service from being deleted and made anew by somebody else under the same name', async (t) => {
    const { apply, administration } = await openAdministration(t)
    await apply([...ALL, STOCK, granting('verify:stock-api')])
    await assert.rejects(
      administration.remove({ actor: LOCAL_SOCKET_ACTOR, plural: 'services', id: 'stock-api' }),
      (error) => error instanceof ServiceError && error.code === 'conflict' && /verify-orders/.test(error.detail ?? ''),
    )
    await administration.remove({ actor: LOCAL_SOCKET_ACTOR, plural: 'trust-policies', id: 'verify-orders' })
    await administration.remove({ actor: LOCAL_SOCKET_ACTOR, plural: 'services', id: 'stock-api' })
  })

  it('invariant 10: may be granted by a policy-admin, not by whoever can write policies only', async (t) => {
    const { apply, byName } = await openAdministration(t)
    await apply([...ALL, ADMIN_POLICY])
    const { id: policyId } = await byName('trust-policies', 'administer')
    const writer = workloadActor({
      workloadId: 'wl_writer',
      scopes: ['trust-policies:write', 'resources:apply', 'resources:diff'],
      policyId,
    })
    await assert.rejects(
      apply([VERIFIER], { actor: writer }),
      (error) => error instanceof ServiceError && error.code === 'escalation_refused',
    )
    const admin = workloadActor({ workloadId: 'wl_admin', scopes: ['role:policy-admin'], policyId })
    await apply([VERIFIER], { actor: admin })
    const more = granting('verify:orders-api', 'role:owner')
    await assert.rejects(
      apply([more], { actor: admin }),
      (error) => error instanceof ServiceError && error.code === 'escalation_refused',
    )
  })
})
