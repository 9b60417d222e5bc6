import type { ClaimValue, TrustProvider } from '../attestors/index.ts'
import { describeExpected } from './describe.ts'
import { claimValue, conditionTest } from './operators.ts'
import type { Condition, ConditionResult, GrantRequest, TrustPolicy } from './types.ts'

/** What an explanation is computed from: the claims of a proof that verified, and the policies as they were. */
export interface ExplainInput {
  readonly claims: Readonly<Record<string, ClaimValue>>
  /** Claims that came with another type than the preset's. */
  readonly mistypedClaims?: readonly string[]
  readonly provider: TrustProvider
  readonly request: Pick<GrantRequest, 'service'>
  readonly policies: Iterable<TrustPolicy>
  /** How many policies to return. Default 3. */
  readonly limit?: number
}

/** One policy compared with what came. */
export interface PolicyExplanation {
  readonly id: string
  readonly name: string
  readonly revision: number
  readonly mode: TrustPolicy['mode']
  /** In file order. */
  readonly conditions: readonly ConditionResult[]
  readonly failing: number
}

/** How one condition came out, with what was expected and what came. */
export function explainCondition(
  condition: Condition,
  claims: Readonly<Record<string, ClaimValue>>,
  mistyped: readonly string[] = [],
): ConditionResult {
  const actual = claimValue(claims, condition.claim)
  return {
    claim: condition.claim,
    operator: condition.operator,
    expected: describeExpected(condition),
    actual,
    outcome: mistyped.includes(condition.claim) ? 'wrong_type' : conditionTest(condition)(actual),
  }
}

/**
 * Compares the claims with each policy that could have applied (enabled, of the provider, for the service if it is known), the
 * nearest first: fewest failing conditions, enforced before shadow, then by name. Looks at every policy, unlike `decide`.
 */
export function explainPolicies(input: ExplainInput): readonly PolicyExplanation[] {
  const { claims, mistypedClaims, provider, request, policies, limit = 3 } = input
  const explained: PolicyExplanation[] = []
  for (const policy of policies) {
    if (!policy.enabled || policy.providerId !== provider.id) continue
    if (request.service && policy.grant.service.id !== request.service.id) continue
    const conditions = policy.conditions.map((condition) => explainCondition(condition, claims, mistypedClaims))
    const { id, name, revision, mode } = policy
    const failing = conditions.filter((condition) => condition.outcome !== 'ok').length
    explained.push({ id, name, revision, mode, conditions, failing })
  }
  return explained.sort(byNearness).slice(0, limit)
}

function byNearness(left: PolicyExplanation, right: PolicyExplanation): number {
  if (left.failing !== right.failing) return left.failing - right.failing
  if (left.mode !== right.mode) return left.mode === 'enforce' ? -1 : 1
  return left.name < right.name ? -1 : 1
}
