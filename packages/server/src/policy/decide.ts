import type { Attestation } from '../attestors/index.ts'
import type { Service } from '../inventory/index.ts'
import { isInRanges, parseAddress } from './cidr.ts'
import { findDanger } from './dangers.ts'
import { allowedUses, lifetimeSeconds, maxProofAge, namedScopes } from './grant.ts'
import { type ConditionOutcome, claimValue } from './operators.ts'
import type { ReadyCondition, ReadyPolicy } from './ready-policy.ts'
import { selectSmallest, senderConstraintInside } from './selection.ts'
import type { Decision, DenialCode, Grant, GrantRequest, TrustPolicy } from './types.ts'

/** What a decision is made on. */
export interface DecisionInput {
  readonly attestation: Attestation
  readonly request: GrantRequest
  readonly now: Date
}

/** Where the policies of one provider and one service come from; the index, or a plain list in the tests. */
export interface PolicySource {
  /** Every enforced policy whose conditions may hold: never leaves one out whose conditions do; may bring one twice. */
  enforced(attestation: Attestation, visit: (ready: ReadyPolicy) => void): void
  /** The same for shadow policies. */
  shadowed(attestation: Attestation, visit: (ready: ReadyPolicy) => void): void
  /** Enforced policies to look for the nearest miss in, few enough for one decision, in order of their ids. */
  readonly sample: readonly ReadyPolicy[]
}

/** How far a matching policy got: the later the stage, the more it says about what is in the way. */
const STAGES = [
  'policy_expired',
  'dangerous_proof',
  'proof_too_old',
  'outside_limits',
  'scope_not_granted',
  'sender_constraint_required',
] as const satisfies readonly DenialCode[]

type Verdict = { readonly grant: Grant } | { readonly refused: (typeof STAGES)[number] }

/** Shadow policies named in one decision; an event has room for so many. */
export const MAX_SHADOW = 16

/** How a condition comes out on an attestation. A claim that came with a wrong type is not absent, also for `exists: false`. */
function outcomeOf(ready: ReadyCondition, attestation: Attestation): ConditionOutcome {
  const mistyped = attestation.mistypedClaims
  if (mistyped !== undefined && mistyped.length > 0 && mistyped.includes(ready.claim)) return 'wrong_type'
  return ready.test(claimValue(attestation.claims, ready.claim))
}

function conditionsHold(ready: ReadyPolicy, attestation: Attestation): boolean {
  // Invariant 1: no condition, no match.
  if (ready.conditions.length === 0) return false
  return ready.conditions.every((condition) => outcomeOf(condition, attestation) === 'ok')
}

/** What a policy whose conditions hold makes of the request. */
function judge(ready: ReadyPolicy, input: DecisionInput, scopes: readonly string[] | undefined): Verdict {
  const { policy } = ready
  const { attestation, request, now } = input
  const { provider } = attestation
  // Invariant 1: without a clock nothing is in time.
  if (Number.isNaN(now.getTime())) return { refused: 'outside_limits' }
  const ttlSeconds = lifetimeSeconds({ policy, provider, requestedSeconds: request.ttlSeconds, now })
  if (policy.expiresAt !== undefined && !(policy.expiresAt > now)) return { refused: 'policy_expired' }
  if (ttlSeconds === undefined) return { refused: policy.expiresAt === undefined ? 'outside_limits' : 'policy_expired' }
  if (findDanger(attestation, policy.conditions, false)) return { refused: 'dangerous_proof' }
  const maxAge = maxProofAge(policy, provider)
  const age = (now.getTime() - attestation.issuedAt.getTime()) / 1000
  // Written so that an age that is not a number is refused.
  if (maxAge !== undefined && !(age <= maxAge)) return { refused: 'proof_too_old' }
  const uses = allowedUses(policy, provider)
  if (!uses) return { refused: 'outside_limits' }
  if (ready.sourceRanges) {
    const address = request.remoteAddress === undefined ? undefined : parseAddress(request.remoteAddress)
    if (!address || !isInRanges(address, ready.sourceRanges)) return { refused: 'outside_limits' }
  }
  if (ready.contains && !ready.contains(now)) return { refused: 'outside_limits' }
  // S-04: asked for more than this policy has is refused, never cut down in silence.
  if (scopes?.some((scope) => !policy.grant.scopes.includes(scope))) return { refused: 'scope_not_granted' }
  const granted =
    scopes === undefined ? policy.grant.scopes : policy.grant.scopes.filter((scope) => scopes.includes(scope))
  if (
    granted.some((scope) => !policy.grant.service.readScopes.includes(scope)) &&
    findDanger(attestation, policy.conditions, true)
  ) {
    return { refused: 'dangerous_proof' }
  }
  // S-14. Last: told only to callers that lack nothing else.
  const { senderConstraint } = policy.limits
  if (senderConstraint !== undefined) {
    const offered = request.senderConstraint
    if (offered === undefined || !senderConstraintInside(offered, senderConstraint)) {
      return { refused: 'sender_constraint_required' }
    }
  }
  return { grant: { service: policy.grant.service, scopes: granted, ttlSeconds, uses } }
}

/** The enforced policy with the fewest failing conditions; equal ones by id. */
function findNearest(candidates: readonly ReadyPolicy[], attestation: Attestation) {
  let nearest: { policy: TrustPolicy; failing: number; first: { claim: string; outcome: ConditionOutcome } } | undefined
  for (const ready of candidates) {
    let failing = 0
    let first: { claim: string; outcome: ConditionOutcome } | undefined
    for (const condition of ready.conditions) {
      const outcome = outcomeOf(condition, attestation)
      if (outcome === 'ok') continue
      failing += 1
      first ??= { claim: condition.claim, outcome }
    }
    if (!first) continue
    const nearer =
      !nearest || failing < nearest.failing || (failing === nearest.failing && ready.policy.id < nearest.policy.id)
    if (nearer) nearest = { policy: ready.policy, failing, first }
  }
  return nearest
}

function shadowMatches(source: PolicySource, input: DecisionInput, scopes: readonly string[] | undefined): string[] {
  const ids = new Set<string>()
  source.shadowed(input.attestation, (ready) => {
    if (ids.has(ready.policy.id) || !conditionsHold(ready, input.attestation)) return
    if ('grant' in judge(ready, input, scopes)) ids.add(ready.policy.id)
  })
  return [...ids].sort().slice(0, MAX_SHADOW)
}

/** The denial of a request for which no policy of this provider and service can be asked. */
export function denyWithoutPolicies(service: Service | undefined): Decision {
  return {
    allowed: false,
    // The caller gets the same answer for both (S-02); the administrator learns which it was.
    code: service?.enabled === true ? 'no_matching_policy' : 'unknown_audience',
    nearestPolicyId: undefined,
    firstFailing: undefined,
    shadow: [],
  }
}

/**
 * Decides by the policies of one provider and one service. Pure and total: it reads its input only, and never throws. Default deny;
 * the policy is the smallest of those whose conditions all hold and that cover the request, and two of which none is smaller deny.
 */
export function decideAmong(source: PolicySource, input: DecisionInput): Decision {
  const { attestation } = input
  const scopes = namedScopes(input.request)
  const grants: { readonly policy: TrustPolicy; readonly grant: Grant }[] = []
  let furthest = -1
  let furthestPolicy: TrustPolicy | undefined
  const missed: ReadyPolicy[] = []
  source.enforced(attestation, (ready) => {
    const { policy } = ready
    if (grants.some((known) => known.policy === policy)) return
    if (!conditionsHold(ready, attestation)) {
      missed.push(ready)
      return
    }
    const verdict = judge(ready, input, scopes)
    if ('grant' in verdict) {
      grants.push({ policy, grant: verdict.grant })
      return
    }
    const stage = STAGES.indexOf(verdict.refused)
    if (stage > furthest || (stage === furthest && furthestPolicy && policy.id < furthestPolicy.id)) {
      furthest = stage
      furthestPolicy = policy
    }
  })
  const shadow = shadowMatches(source, input, scopes)
  if (grants.length > 0) {
    const policy = selectSmallest(grants.map((candidate) => candidate.policy))
    const selected = grants.find((candidate) => candidate.policy === policy)
    if (selected) return { allowed: true, ...selected, shadow }
    const first = grants.map((candidate) => candidate.policy.id).sort()[0]
    return { allowed: false, code: 'ambiguous_policy', nearestPolicyId: first, firstFailing: undefined, shadow }
  }
  const refused = STAGES[furthest]
  if (refused !== undefined) {
    return { allowed: false, code: refused, nearestPolicyId: furthestPolicy?.id, firstFailing: undefined, shadow }
  }
  const nearest = findNearest([...source.sample, ...missed], attestation)
  return {
    allowed: false,
    code: 'no_matching_policy',
    nearestPolicyId: nearest?.policy.id,
    firstFailing: nearest?.first,
    shadow,
  }
}
