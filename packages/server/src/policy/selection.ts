import { parseRanges, rangesInside } from './cidr.ts'
import { windowInside } from './time-window.ts'
import type { TrustPolicy } from './types.ts'

/** How two things compare in strictness; `incomparable` when each is stricter in something, or it cannot be told. */
export type Strictness = 'stricter' | 'equal' | 'looser' | 'incomparable'

function combine(left: Strictness, right: Strictness): Strictness {
  if (left === right || right === 'equal') return left
  return left === 'equal' ? right : 'incomparable'
}

function fromInclusions(leftInRight: boolean, rightInLeft: boolean): Strictness {
  if (leftInRight) return rightInLeft ? 'equal' : 'stricter'
  return rightInLeft ? 'looser' : 'incomparable'
}

/** A smaller number is stricter; none is the loosest. */
function compareNumbers(left: number | undefined, right: number | undefined): Strictness {
  const [a, b] = [left ?? Number.POSITIVE_INFINITY, right ?? Number.POSITIVE_INFINITY]
  return fromInclusions(a <= b, b <= a)
}

/** A limit inside another is stricter; none is the loosest. */
function compareInclusion<Limit>(
  left: Limit | undefined,
  right: Limit | undefined,
  inside: (inner: Limit, outer: Limit) => boolean,
): Strictness {
  if (left === undefined || right === undefined) return fromInclusions(right === undefined, left === undefined)
  return fromInclusions(inside(left, right), inside(right, left))
}

/** Whether each of the inner ranges lies in one of the outer ones; ranges that do not parse are inside nothing. */
export function addressesInside(inner: readonly string[], outer: readonly string[]): boolean {
  const [innerRanges, outerRanges] = [parseRanges(inner), parseRanges(outer)]
  return innerRanges !== undefined && outerRanges !== undefined && rangesInside(innerRanges, outerRanges)
}

/** Whether whatever meets the inner constraint meets the outer one. */
export function senderConstraintInside(
  inner: NonNullable<TrustPolicy['limits']['senderConstraint']>,
  outer: NonNullable<TrustPolicy['limits']['senderConstraint']>,
): boolean {
  return inner === outer || outer === 'any'
}

/** Compares lifetime and limits, each on its own scale; one stricter and one looser is incomparable. */
export function compareLimits(left: TrustPolicy, right: TrustPolicy): Strictness {
  const [a, b] = [left.limits, right.limits]
  return [
    compareNumbers(left.grant.ttlSeconds, right.grant.ttlSeconds),
    compareNumbers(a.maxProofAgeSeconds, b.maxProofAgeSeconds),
    compareNumbers(a.maxUses, b.maxUses),
    compareNumbers(a.usesPerMinute, b.usesPerMinute),
    compareInclusion(a.sourceAddresses, b.sourceAddresses, addressesInside),
    compareInclusion(a.timeWindow, b.timeWindow, windowInside),
    compareInclusion(a.senderConstraint, b.senderConstraint, senderConstraintInside),
  ].reduce(combine)
}

/** Compares two sets of scopes by inclusion. */
export function compareScopes(left: readonly string[], right: readonly string[]): Strictness {
  return fromInclusions(
    left.every((scope) => right.includes(scope)),
    right.every((scope) => left.includes(scope)),
  )
}

/** Compares grants as the selection does: scopes by inclusion first; where they are equal, the limits. */
export function compareGrants(left: TrustPolicy, right: TrustPolicy): Strictness {
  const scopes = compareScopes(left.grant.scopes, right.grant.scopes)
  return scopes === 'equal' ? compareLimits(left, right) : scopes
}

/**
 * The one policy that is stricter than every other one (S-04: scopes of two policies never add up), whatever the order of the list.
 * @returns undefined when there is none: also for two equal grants, since nothing says which of them a later revocation would end.
 */
export function selectSmallest(policies: readonly TrustPolicy[]): TrustPolicy | undefined {
  let smallest: TrustPolicy | undefined
  for (const policy of policies) {
    if (!smallest || compareGrants(policy, smallest) === 'stricter') smallest = policy
  }
  const winner = smallest
  const beatsAll = policies.every(
    (policy) => policy === winner || (winner && compareGrants(winner, policy) === 'stricter'),
  )
  return beatsAll ? winner : undefined
}
