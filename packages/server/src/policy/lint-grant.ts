import { formatDuration } from '../lib/index.ts'
import { type Problem, pointerTo } from '../resources/index.ts'
import { namedDangers } from './dangers.ts'
import { impliesCondition } from './implication.ts'
import { grantsWrite, type LintRule, lintError, lintWarning } from './lint-input.ts'
import { compareGrants } from './selection.ts'
import type { TrustPolicy } from './types.ts'

/** T21, D-605: values that may come from untrusted code, named so that they are admitted. */
export const lintDangers: LintRule = ({ policy, provider }) => {
  const writes = grantsWrite(policy)
  return namedDangers(provider.preset.dangers, policy.conditions).flatMap((danger): Problem[] => {
    if (danger.refuse === 'write' && !writes) return []
    const report = danger.refuse === 'always' && writes ? lintError : lintWarning
    return [
      report(
        'danger_named',
        pointerTo('/spec/match', danger.claim),
        `${danger.claim} ${danger.values.join(', ')}: ${danger.why}${writes ? ', and the policy grants scopes that change something' : ''}`,
        writes ? 'grant only read scopes in this policy, and the others in a policy for trusted values' : danger.fix,
      ),
    ]
  })
}

const PLACE_CLAIMS = ['ref', 'ref_path', 'environment', 'job_workflow_ref', 'workflow_ref']

/** D-605: any branch of the repository may change something. Whoever can push a branch can then deploy. */
export const lintPlace: LintRule = ({ policy, provider: { preset } }) => {
  const known = PLACE_CLAIMS.filter((claim) => Object.hasOwn(preset.claims, claim))
  const isSaid = policy.conditions.some(
    ({ claim, operator }) => known.includes(claim) && operator !== 'exists' && operator !== 'notIn',
  )
  if (known.length === 0 || isSaid || !grantsWrite(policy)) return []
  return [
    lintWarning(
      'any_branch',
      '/spec/match',
      'the policy grants scopes that change something to every branch and job',
      `add one of ${known.join(', ')}`,
    ),
  ]
}

/** Limits and lifetimes that have no effect, because the provider's are stricter. */
export const lintLimits: LintRule = ({ policy, provider, spec, now }) => {
  const problems: Problem[] = []
  const { limits } = policy
  const idle = (pointer: string, is: number | undefined, bound: number | undefined, bounds: string) => {
    if (is === undefined || bound === undefined || is <= bound) return
    problems.push(
      lintWarning('limit_idle', pointer, `the provider allows ${bounds} at most`, 'lower it, or leave it out'),
    )
  }
  const seconds = (value: number | undefined) => formatDuration((value ?? 0) * 1000)
  const { freshness, maxTtlSeconds } = provider
  if (spec.grant.ttl !== undefined) {
    idle('/spec/grant/ttl', policy.grant.ttlSeconds, maxTtlSeconds, seconds(maxTtlSeconds))
  }
  idle(
    '/spec/limits/maxProofAge',
    limits.maxProofAgeSeconds,
    freshness.maxProofAgeSeconds,
    seconds(freshness.maxProofAgeSeconds),
  )
  idle('/spec/limits/maxUses', limits.maxUses, freshness.maxUses, `${freshness.maxUses}`)
  idle('/spec/limits/usesPerMinute', limits.usesPerMinute, freshness.usesPerMinute, `${freshness.usesPerMinute}`)
  if (policy.expiresAt && policy.expiresAt <= now) {
    problems.push(
      lintWarning(
        'expired',
        '/spec/expires',
        'the policy has expired: it grants nothing',
        'review it and set a new date, or delete it',
      ),
    )
  }
  return problems
}

function isInside(inner: TrustPolicy, outer: TrustPolicy): boolean {
  return outer.conditions.every((wide) => inner.conditions.some((narrow) => impliesCondition(narrow, wide)))
}

/**
 * Policies that match the same proofs while neither grants less than the other: each such proof would be refused with
 * `ambiguous_policy`. Provable for equal conditions (an error) and for conditions of which one set lies in the other (a warning:
 * requests that name a scope of one of them still work).
 */
export const lintAmbiguity: LintRule = ({ policy, otherPolicies }) => {
  const problems: Problem[] = []
  for (const other of otherPolicies) {
    if (other.id === policy.id || other.mode !== 'enforce' || !other.enabled) continue
    if (other.providerId !== policy.providerId || other.grant.service.id !== policy.grant.service.id) continue
    const order = compareGrants(policy, other)
    if (order === 'stricter' || order === 'looser') continue
    const [inside, around] = [isInside(policy, other), isInside(other, policy)]
    if (!inside && !around) continue
    const report = inside && around && policy.mode === 'enforce' ? lintError : lintWarning
    problems.push(
      report(
        'ambiguous_with',
        '/spec/grant',
        `${inside && around ? 'the same proofs match' : 'some proofs match'} ${other.name} too, and neither grants less than the other`,
        `make the scopes or limits of one a part of the other's, or tell the two apart in \`match\``,
      ),
    )
  }
  return problems
}
