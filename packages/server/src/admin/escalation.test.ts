import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Resource } from '../resources/index.ts'
import { LOCAL_SOCKET_ACTOR, workloadActor } from './actor.ts'
import { findEscalations, type JudgedChange, type ManagementGrant, managementGrants } from './escalation.ts'
import { ALL_MANAGEMENT_SCOPES, expandRoles, ROLES } from './scopes.ts'

const policyAdmin = workloadActor({ workloadId: 'wl_admin', scopes: ['role:policy-admin'], policyId: 'pol_admin' })
const owner = workloadActor({ workloadId: 'wl_owner', scopes: ['role:owner'], policyId: 'pol_owner' })

function grant(policyName: string, providerName: string, scopes: readonly string[]): ManagementGrant {
  return { policyId: `pol_${policyName}`, policyName, providerName, scopes: expandRoles(scopes) }
}

const GRANTS = [
  grant('admin', 'github', ['role:policy-admin']),
  grant('owner', 'cluster', ['role:owner']),
  grant('viewer', 'gitlab', ['role:viewer']),
]

function change(
  kind: string,
  name: string,
  effect: JudgedChange['effect'],
  more: Partial<JudgedChange> = {},
): JudgedChange {
  return { kind, name, effect, addsIssuer: false, ...more }
}

function rules(input: {
  actor?: typeof owner
  before?: readonly ManagementGrant[]
  after?: readonly ManagementGrant[]
  change: JudgedChange
}) {
  const { actor = policyAdmin, before = GRANTS, after = before } = input
  return findEscalations({ actor, before, after, changes: [input.change] }).map((fault) => fault.rule)
}

describe('the escalation rule (invariant 10) for scopes of verifiers', () => {
  const verifier = grant('verifier', 'cluster', ['verify:orders-api'])
  const mixed = grant('mixed', 'github', ['verify:orders-api', 'events:read'])
  const without = (scope: string) =>
    workloadActor({
      workloadId: 'wl_x',
      scopes: ROLES['policy-admin'].filter((held) => held !== scope),
      policyId: 'pol_admin',
    })

  it('refuses them to whoever holds neither the scope nor the right to change services', () => {
    const after = [...GRANTS, verifier]
    const asked = change('TrustPolicy', 'verifier', 'widens')
    const actor = without('services:write')
    assert.deepEqual(rules({ actor, after, change: asked }), ['lacks_scopes'])
    assert.deepEqual(
      rules({ actor, before: after, after: GRANTS, change: change('TrustPolicy', 'verifier', 'none') }),
      ['lacks_scopes'],
    )
  })

  it('refuses a scope of one service to whoever holds that of another, and names that look like it', () => {
    const actor = workloadActor({
      workloadId: 'wl_x',
      scopes: ['trust-policies:write', 'verify:orders-api'],
      policyId: 'pol_admin',
    })
    for (const scope of ['verify:orders-api-2', 'verify:orders', 'verify', 'verifyorders-api', 'Verify:orders-api']) {
      const after = [...GRANTS, grant('v', 'cluster', [scope])]
      assert.deepEqual(rules({ actor, after, change: change('TrustPolicy', 'v', 'widens') }), ['lacks_scopes'], scope)
    }
    for (const scope of ['verify', 'verifyorders-api', 'Verify:orders-api', ' verify:orders-api']) {
      const after = [...GRANTS, grant('v', 'cluster', [scope])]
      assert.deepEqual(rules({ after, change: change('TrustPolicy', 'v', 'widens') }), ['lacks_scopes'], scope)
    }
  })

  it('lets nobody hide another scope behind them', () => {
    const after = [...GRANTS, mixed]
    assert.deepEqual(rules({ after, change: change('TrustPolicy', 'mixed', 'widens') }), ['admits_itself'])
    const owned = [...GRANTS, grant('v', 'cluster', ['verify:orders-api', 'signing-keys:write'])]
    assert.deepEqual(rules({ after: owned, change: change('TrustPolicy', 'v', 'widens') }), ['lacks_scopes'])
  })

  it('lets nobody add one to what admits themselves', () => {
    const after = GRANTS.map((one) =>
      one.policyName === 'admin' ? { ...one, scopes: [...one.scopes, 'verify:orders-api'] } : one,
    )
    assert.deepEqual(rules({ after, change: change('TrustPolicy', 'admin', 'widens') }), ['admits_itself'])
  })

  it('lets whoever holds the scope itself pass it on, but not to the own provider', () => {
    const scopes = ['trust-policies:write', 'verify:orders-api']
    const actor = workloadActor({ workloadId: 'wl_x', scopes, policyId: 'pol_admin' })
    assert.deepEqual(
      rules({ actor, after: [...GRANTS, verifier], change: change('TrustPolicy', 'verifier', 'widens') }),
      [],
    )
    const own = [...GRANTS, { ...verifier, providerName: 'github' }]
    assert.deepEqual(rules({ actor, after: own, change: change('TrustPolicy', 'verifier', 'widens') }), [
      'admits_itself',
    ])
  })

  it('lets whoever may change services grant them to anybody, also at the own provider', () => {
    for (const providerName of ['cluster', 'github']) {
      const after = [...GRANTS, { ...verifier, providerName }]
      for (const actor of [policyAdmin, owner]) {
        assert.deepEqual(rules({ actor, after, change: change('TrustPolicy', 'verifier', 'widens') }), [])
      }
    }
  })
})

describe('the escalation rule (invariant 10) refuses', () => {
  it('a policy that grants a scope which the actor does not hold', () => {
    const after = [...GRANTS, grant('new', 'gitlab', ['trust-policies:write', 'signing-keys:write'])]
    const faults = findEscalations({
      actor: policyAdmin,
      before: GRANTS,
      after,
      changes: [change('TrustPolicy', 'new', 'widens')],
    })
    assert.deepEqual(
      faults.map((fault) => fault.rule),
      ['lacks_scopes'],
    )
    assert.match(faults[0]?.detail ?? '', /signing-keys:write$/)
  })

  it('a change of a policy that granted such a scope before, even if it grants less after', () => {
    const after = [grant('owner', 'cluster', ['role:viewer'])]
    assert.deepEqual(rules({ after, change: change('TrustPolicy', 'owner', 'widens_and_narrows') }), ['lacks_scopes'])
  })

  it('a change without effect of a policy that grants such a scope', () => {
    assert.deepEqual(rules({ change: change('TrustPolicy', 'owner', 'none') }), ['lacks_scopes'])
  })

  it('widening the provider through which such a scope can be obtained', () => {
    assert.deepEqual(rules({ change: change('TrustProvider', 'cluster', 'widens') }), ['lacks_scopes'])
  })

  it('a change of a provider that reaches such a scope only after the same set of changes', () => {
    const after = [...GRANTS, grant('late', 'fresh', ['signing-keys:write'])]
    assert.deepEqual(rules({ after, change: change('TrustProvider', 'fresh', 'none') }), ['lacks_scopes'])
  })

  it('moving a policy with such a scope to another provider', () => {
    const after = GRANTS.map((one) => (one.policyName === 'owner' ? { ...one, providerName: 'gitlab' } : one))
    assert.deepEqual(rules({ after, change: change('TrustPolicy', 'owner', 'widens_and_narrows') }), ['lacks_scopes'])
  })

  it('adding an issuer by anybody who is not an owner (S-12)', () => {
    assert.deepEqual(rules({ change: change('TrustProvider', 'fresh', 'none', { addsIssuer: true }) }), ['needs_owner'])
  })

  it('adding an issuer by somebody who lacks a single scope of the owner', () => {
    for (const missing of ALL_MANAGEMENT_SCOPES) {
      const scopes = ALL_MANAGEMENT_SCOPES.filter((scope) => scope !== missing)
      const actor = workloadActor({ workloadId: 'wl_x', scopes, policyId: 'pol_viewer' })
      assert.deepEqual(rules({ actor, change: change('TrustProvider', 'fresh', 'none', { addsIssuer: true }) }), [
        'needs_owner',
      ])
    }
  })

  it('an owner who widens the own policy', () => {
    assert.deepEqual(rules({ actor: owner, change: change('TrustPolicy', 'owner', 'widens') }), ['admits_itself'])
  })

  it('an owner who widens the provider of the own policy', () => {
    assert.deepEqual(rules({ actor: owner, change: change('TrustProvider', 'cluster', 'widens_and_narrows') }), [
      'admits_itself',
    ])
  })

  it('an owner who writes a second management policy for the own provider', () => {
    const after = [...GRANTS, grant('twin', 'cluster', ['role:viewer'])]
    assert.deepEqual(rules({ actor: owner, after, change: change('TrustPolicy', 'twin', 'widens') }), ['admits_itself'])
  })

  it('an owner who moves another management policy to the own provider', () => {
    const after = GRANTS.map((one) => (one.policyName === 'viewer' ? { ...one, providerName: 'cluster' } : one))
    assert.deepEqual(rules({ actor: owner, after, change: change('TrustPolicy', 'viewer', 'widens_and_narrows') }), [
      'admits_itself',
    ])
  })

  it('any widening of management by a workload whose own policy is gone', () => {
    const actor = workloadActor({ workloadId: 'wl_owner', scopes: ['role:owner'], policyId: 'pol_gone' })
    assert.deepEqual(rules({ actor, change: change('TrustPolicy', 'viewer', 'widens') }), ['admits_itself'])
  })

  it('whoever holds a scope by a name that is not exactly the same (T34)', () => {
    const scopes = ROLES.owner.map((scope) => (scope === 'signing-keys:write' ? 'Signing-Keys:Write' : scope))
    const actor = workloadActor({ workloadId: 'wl_x', scopes, policyId: 'pol_viewer' })
    assert.deepEqual(rules({ actor, change: change('TrustPolicy', 'owner', 'widens') }), ['lacks_scopes'])
  })
})

describe('the escalation rule allows', () => {
  it('narrowing by anybody: what can be obtained only shrinks', () => {
    for (const [kind, name] of [
      ['TrustPolicy', 'owner'],
      ['TrustPolicy', 'admin'],
      ['TrustProvider', 'cluster'],
      ['TrustProvider', 'github'],
    ] as const) {
      assert.deepEqual(rules({ change: change(kind, name, 'narrows') }), [])
    }
  })

  it('granting what the actor holds, through another provider', () => {
    const after = [...GRANTS, grant('deputy', 'gitlab', ['role:policy-admin'])]
    assert.deepEqual(rules({ after, change: change('TrustPolicy', 'deputy', 'widens') }), [])
  })

  it('a second owner to widen what admits the first', () => {
    const before = [...GRANTS, grant('second', 'elsewhere', ['role:owner'])]
    const second = workloadActor({ workloadId: 'wl_second', scopes: ['role:owner'], policyId: 'pol_second' })
    assert.deepEqual(rules({ actor: second, before, change: change('TrustPolicy', 'owner', 'widens') }), [])
    assert.deepEqual(
      rules({ actor: second, before, change: change('TrustProvider', 'fresh', 'none', { addsIssuer: true }) }),
      [],
    )
  })

  it('what has nothing to do with management', () => {
    assert.deepEqual(rules({ change: change('TrustPolicy', 'deploy-orders', 'widens') }), [])
    assert.deepEqual(rules({ change: change('Service', 'orders-api', 'widens') }), [])
    assert.deepEqual(rules({ change: change('Team', 'orders', 'none') }), [])
  })

  it('everything to the local socket', () => {
    for (const effect of ['widens', 'widens_and_narrows', 'none'] as const) {
      assert.deepEqual(
        rules({ actor: LOCAL_SOCKET_ACTOR, change: change('TrustPolicy', 'owner', effect, { addsIssuer: true }) }),
        [],
      )
    }
  })
})

describe('what can be obtained', () => {
  const policy = (name: string, spec: Record<string, unknown>, enabled = true) =>
    ({ id: `pol_${name}`, enabled, document: { kind: 'TrustPolicy', metadata: { name }, spec } }) as unknown as Resource
  const management = (scopes: readonly string[]) => ({ service: 'countersign-management', scopes })

  it('counts policies that sleep: shadow and disabled', () => {
    const grants = managementGrants([
      policy('a', { provider: 'p', mode: 'shadow', grant: management(['events:read']) }),
      policy('b', { provider: 'p', mode: 'enforce', grant: management(['audit:read']) }, false),
      policy('c', { provider: 'p', mode: 'enforce', grant: { service: 'orders', scopes: ['audit:export'] } }),
    ])
    assert.deepEqual(
      grants.map(({ scopes }) => scopes),
      [['events:read'], ['audit:read']],
    )
  })

  it('is never more after any sequence of changes that the rule allowed to a workload', () => {
    const scopes = fc.subarray([...ALL_MANAGEMENT_SCOPES], { minLength: 1 })
    const name = fc.constantFrom('a', 'b', 'c', 'own')
    const act = fc.record({
      name,
      providerName: fc.constantFrom('p', 'q', 'home'),
      scopes,
      effect: fc.constantFrom('widens', 'widens_and_narrows', 'none'),
    })
    fc.assert(
      fc.property(scopes, fc.array(act, { maxLength: 10 }), (held, acts) => {
        const actor = workloadActor({ workloadId: 'wl_x', scopes: held, policyId: 'pol_own' })
        let grants: readonly ManagementGrant[] = [grant('own', 'home', held)]
        for (const { name: policyName, providerName, scopes: granted, effect } of acts) {
          const after = [
            ...grants.filter((one) => one.policyName !== policyName),
            grant(policyName, providerName, granted),
          ]
          const changes = [change('TrustPolicy', policyName, effect as JudgedChange['effect'])]
          if (findEscalations({ actor, before: grants, after, changes }).length === 0) grants = after
        }
        for (const one of grants) for (const scope of one.scopes) assert.ok(actor.scopes.has(scope))
      }),
    )
  })
})

describe('W-06: roles', () => {
  it('hold only scopes that exist, and the owner holds all of them', () => {
    for (const scopes of Object.values(ROLES)) {
      for (const scope of scopes) assert.ok(ALL_MANAGEMENT_SCOPES.includes(scope))
    }
    assert.deepEqual([...ROLES.owner].sort(), [...ALL_MANAGEMENT_SCOPES].sort())
  })

  it('other than the owner change neither providers nor keys, and readers change nothing', () => {
    const writes = (role: keyof typeof ROLES) =>
      ROLES[role].filter((scope) => scope.endsWith(':write') || scope === 'resources:apply')
    assert.deepEqual(writes('viewer'), [])
    assert.deepEqual(writes('auditor'), [])
    assert.deepEqual(writes('operator'), ['workloads:write'])
    assert.deepEqual(writes('key-admin'), ['signing-keys:write', 'revocations:write'])
    assert.ok(
      !writes('policy-admin').some((scope) => scope === 'trust-providers:write' || scope === 'signing-keys:write'),
    )
  })

  it('expand to their scopes; an unknown or inherited name stays and is refused later by its name', () => {
    assert.deepEqual(expandRoles(['role:viewer', 'events:read']), [...ROLES.viewer, 'events:read'].sort())
    assert.deepEqual(expandRoles(['role:admin', 'role:constructor', 'role:__proto__', 'role:Owner']), [
      'role:Owner',
      'role:__proto__',
      'role:admin',
      'role:constructor',
    ])
    assert.deepEqual(expandRoles(expandRoles(['role:owner'])), expandRoles(['role:owner']))
  })
})
