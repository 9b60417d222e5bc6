import type { Resource } from '../resources/index.ts'
import { isWidening } from './effect.ts'
import { MANAGEMENT_SERVICE_NAME } from './management-service.ts'
import { expandRoles, isVerifyScope, ROLES } from './scopes.ts'
import type { Actor, PlannedChange } from './types.ts'

/** A policy through which management scopes can be obtained. */
export interface ManagementGrant {
  readonly policyId: string
  readonly policyName: string
  readonly providerName: string
  readonly scopes: readonly string[]
}

/** A change as the escalation rule sees it. */
export interface JudgedChange {
  readonly kind: string
  readonly name: string
  readonly effect: PlannedChange['effect']
  /** A new or restored TrustProvider, or one that trusts another issuer, other keys or another way to reach them. */
  readonly addsIssuer: boolean
  /** A policy that is changed while it is put to sleep, and would admit more when it is woken: no narrowing, whatever its effect. */
  readonly rewrittenAsleep?: boolean
}

/** Why a change is refused to this actor. */
export interface EscalationFault {
  readonly kind: string
  readonly name: string
  readonly rule: 'lacks_scopes' | 'needs_owner' | 'admits_itself'
  readonly detail: string
}

/**
 * The policies of a state that grant management scopes. Shadow and disabled ones count as well: whoever could rewrite one while
 * it sleeps would have its scopes when somebody else wakes it.
 */
export function managementGrants(resources: Iterable<Resource>): readonly ManagementGrant[] {
  const grants: ManagementGrant[] = []
  for (const { id, document } of resources) {
    if (document.kind !== 'TrustPolicy') continue
    const spec = document.spec as {
      readonly provider?: unknown
      readonly grant?: { readonly service?: unknown; readonly scopes?: unknown }
    }
    if (spec.grant?.service !== MANAGEMENT_SERVICE_NAME || !Array.isArray(spec.grant.scopes)) continue
    grants.push({
      policyId: id,
      policyName: document.metadata.name,
      providerName: String(spec.provider),
      scopes: expandRoles(spec.grant.scopes.map(String)),
    })
  }
  return grants
}

/** The grants that can be obtained through the changed object itself: a policy's own, or those behind a provider. */
function through(change: JudgedChange, grants: readonly ManagementGrant[]): readonly ManagementGrant[] {
  if (change.kind === 'TrustPolicy') return grants.filter((grant) => grant.policyName === change.name)
  if (change.kind === 'TrustProvider') return grants.filter((grant) => grant.providerName === change.name)
  return []
}

/**
 * The escalation rule (design section 7, invariant 10), pure: what is refused to the actor, change by change.
 * - What management scopes can be obtained through is changed only by an actor who holds every scope obtainable through it, before
 *   and after; narrowing is free.
 * - Adding an issuer takes every scope of the owner (S-12).
 * - A workload never widens what admits itself: its own policy, its provider, or a management policy of that provider. That takes
 *   a second owner or the local socket.
 * - `verify:NAME` is held by whoever may change services: what it gives, they could arrange anyway.
 */
export function findEscalations(input: {
  readonly actor: Actor
  readonly before: readonly ManagementGrant[]
  readonly after: readonly ManagementGrant[]
  readonly changes: readonly JudgedChange[]
}): readonly EscalationFault[] {
  const { actor, before, after, changes } = input
  // The operating system's administrator can reach everything anyway; each use of the socket is audited.
  if (actor.kind === 'local-socket') return []
  const changesServices = actor.scopes.has('services:write')
  const holds = (scope: string) => actor.scopes.has(scope) || (changesServices && isVerifyScope(scope))
  /** Whether the grant gives what the actor could not arrange by changing services. */
  const administers = ({ scopes }: ManagementGrant) => !(changesServices && scopes.every(isVerifyScope))
  const own = before.find((grant) => grant.policyId === actor.policyId)
  const faults: EscalationFault[] = []
  for (const change of changes) {
    const { kind, name } = change
    if (change.addsIssuer) {
      const lacking = ROLES.owner.filter((scope) => !actor.scopes.has(scope))
      if (lacking.length > 0) {
        faults.push({ kind, name, rule: 'needs_owner', detail: 'adding an issuer takes every scope of the owner' })
      }
    }
    if (change.effect === 'narrows' && change.rewrittenAsleep !== true) continue
    const reach = [...through(change, before), ...through(change, after)]
    const lacking = [...new Set(reach.flatMap((grant) => grant.scopes))].filter((scope) => !holds(scope))
    if (lacking.length > 0) {
      faults.push({
        kind,
        name,
        rule: 'lacks_scopes',
        detail: `through it these can be obtained, and the actor does not hold them: ${lacking.sort().join(', ')}`,
      })
    }
    if (!isWidening(change.effect) && change.rewrittenAsleep !== true) continue
    // An actor whose own policy is not known cannot show that it does not admit itself.
    const administering = reach.filter(administers)
    const admitsItself =
      administering.length > 0 &&
      (own === undefined || administering.some((grant) => grant.providerName === own.providerName))
    if (admitsItself || (kind === 'TrustProvider' && name === own?.providerName)) {
      faults.push({
        kind,
        name,
        rule: 'admits_itself',
        detail: 'the change widens what admits the actor itself; another owner or the local socket can make it',
      })
    }
  }
  return faults
}
