import type { Danger } from '../attestors/index.ts'
import { namesValue } from './dangers.ts'
import { describeCondition } from './describe.ts'
import { impliesCondition } from './implication.ts'
import { addressesInside, senderConstraintInside } from './selection.ts'
import { windowInside } from './time-window.ts'
import type { Condition, TrustPolicy } from './types.ts'

/** How a change moves what a policy admits. Both may be true; what cannot be proven is. */
export interface PolicyRelation {
  readonly narrows: boolean
  readonly widens: boolean
  readonly effect: 'none' | 'narrows' | 'widens' | 'widens_and_narrows'
  /** Sentences: what is newly admitted, then what is newly refused. */
  readonly reasons: readonly string[]
}

/** Something in which one policy is not provably inside another. */
interface Difference {
  readonly what: string
}

function grantsNothing(policy: TrustPolicy | undefined): policy is undefined {
  return policy === undefined || policy.mode === 'shadow' || !policy.enabled
}

function exceeds(inner: number | undefined, outer: number | undefined): boolean {
  return (inner ?? Number.POSITIVE_INFINITY) > (outer ?? Number.POSITIVE_INFINITY)
}

/** Dangerous values that the inner policy names and the outer one does not: a condition more can admit more (T21). */
function newlyNamedDangers(inner: TrustPolicy, outer: TrustPolicy): readonly string[] {
  const named = inner.conditions.flatMap((condition: Condition) => {
    if (condition.operator === 'eq') return [{ claim: condition.claim, value: condition.value }]
    if (condition.operator !== 'in') return []
    return condition.values.map((value) => ({ claim: condition.claim, value }))
  })
  const known: readonly Danger[] | undefined =
    inner.dangers && outer.dangers ? [...inner.dangers, ...outer.dangers] : undefined
  return named
    .filter(({ claim, value }) => {
      const isDanger =
        known === undefined ||
        known.some(
          (danger) =>
            danger.claim === claim &&
            danger.values.some((dangerous) => String(dangerous).toLowerCase() === String(value).toLowerCase()),
        )
      return isDanger && !namesValue(outer.conditions, claim, value)
    })
    .map(({ claim, value }) => `${claim} ${value} is named: it is refused unless it is`)
}

function limitDifferences(inner: TrustPolicy, outer: TrustPolicy): Difference[] {
  const [i, o] = [inner.limits, outer.limits]
  const differences: Difference[] = []
  const report = (isOutside: boolean, what: string) => {
    if (isOutside) differences.push({ what })
  }
  report(exceeds(inner.grant.ttlSeconds, outer.grant.ttlSeconds), `a lifetime of ${inner.grant.ttlSeconds} s`)
  report(exceeds(i.maxProofAgeSeconds, o.maxProofAgeSeconds), 'older proofs (limits.maxProofAge)')
  report(exceeds(i.maxUses, o.maxUses), 'more uses of a proof (limits.maxUses)')
  report(exceeds(i.usesPerMinute, o.usesPerMinute), 'more uses of a proof in a minute (limits.usesPerMinute)')
  report(
    o.sourceAddresses !== undefined &&
      (i.sourceAddresses === undefined || !addressesInside(i.sourceAddresses, o.sourceAddresses)),
    'other source addresses (limits.sourceAddresses)',
  )
  report(
    o.timeWindow !== undefined && (i.timeWindow === undefined || !windowInside(i.timeWindow, o.timeWindow)),
    'other times (limits.timeWindow)',
  )
  report(
    o.senderConstraint !== undefined &&
      (i.senderConstraint === undefined || !senderConstraintInside(i.senderConstraint, o.senderConstraint)),
    i.senderConstraint === undefined
      ? 'callers that prove no key: bearer tokens (limits.senderConstraint)'
      : 'another kind of proof of the caller’s key (limits.senderConstraint)',
  )
  report(exceeds(inner.expiresAt?.getTime(), outer.expiresAt?.getTime()), 'a longer validity (expires)')
  return differences
}

/** Everything in which `inner` is not provably inside `outer`; empty: each grant of `inner` could be had from `outer`. */
function differencesOutside(inner: TrustPolicy | undefined, outer: TrustPolicy | undefined): readonly Difference[] {
  if (grantsNothing(inner)) return []
  if (grantsNothing(outer)) return [{ what: 'everything that the policy grants' }]
  const differences: Difference[] = []
  if (inner.providerId !== outer.providerId) differences.push({ what: 'proofs of another trust provider' })
  if (inner.grant.service.id !== outer.grant.service.id) {
    differences.push({ what: `the service ${inner.grant.service.name}` })
  }
  for (const condition of outer.conditions) {
    if (inner.conditions.some((other) => impliesCondition(other, condition))) continue
    differences.push({ what: `proofs that do not meet ${describeCondition(condition)}` })
  }
  for (const what of newlyNamedDangers(inner, outer)) differences.push({ what })
  const scopes = inner.grant.scopes.filter((scope) => !outer.grant.scopes.includes(scope))
  if (scopes.length > 0) differences.push({ what: `the scope ${scopes.join(', ')}` })
  if (inner.crossEnvironment && !outer.crossEnvironment) differences.push({ what: 'another environment' })
  return [...differences, ...limitDifferences(inner, outer)]
}

/**
 * Compares two states of one policy; undefined means that there is none. Conservative: what is not provably inside the state before
 * widens, what is not provably inside the state after narrows. A new enforced policy and shadow to enforce widen, the reverse
 * narrows. The policy is looked at alone; its neighbours may still decide which of several policies is used.
 */
export function comparePolicies(before: TrustPolicy | undefined, after: TrustPolicy | undefined): PolicyRelation {
  const admitted = differencesOutside(after, before)
  const refused = differencesOutside(before, after)
  const [widens, narrows] = [admitted.length > 0, refused.length > 0]
  return {
    widens,
    narrows,
    effect: widens ? (narrows ? 'widens_and_narrows' : 'widens') : narrows ? 'narrows' : 'none',
    reasons: [
      ...admitted.map(({ what }) => `newly admits ${what}`),
      ...refused.map(({ what }) => `no longer admits ${what}`),
    ],
  }
}
