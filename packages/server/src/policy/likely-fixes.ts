import { type ClaimValue, findClaimDefinition, type TrustProvider } from '../attestors/index.ts'
import { findDanger } from './dangers.ts'
import type { PolicyExplanation } from './explain.ts'
import { maxProofAge, namedScopes } from './grant.ts'
import { nearMiss } from './near-miss.ts'
import type { ConditionResult, DenialCode, GrantRequest, TrustPolicy } from './types.ts'

/** What a denial's likely fixes are computed from. */
export interface FixInput {
  readonly code: DenialCode
  readonly claims: Readonly<Record<string, ClaimValue>>
  readonly provider: TrustProvider
  readonly request: Pick<GrantRequest, 'service' | 'scopes'>
  /** Of {@link explainPolicies}: nearest first. */
  readonly explained: readonly PolicyExplanation[]
  /** The policy that the decision named as nearest, as it was. */
  readonly nearestPolicy: TrustPolicy | undefined
}

// What makes a platform put a claim into its proofs, where that is the caller's to change.
const ABSENT: Readonly<Record<string, string>> = {
  'github-actions environment': 'the job has no `environment:` key',
  'github-actions ref':
    'the run has no ref: it was started by the deployment of a commit; match `sha` or run on a branch',
  'github-actions enterprise_id': 'the repository belongs to no enterprise',
  'kubernetes pod': 'the token is not bound to a pod: it was not projected into one',
  'kubernetes pod_uid': 'the token is not bound to a pod: it was not projected into one',
  'kubernetes node': 'the cluster does not put the node into tokens (Kubernetes before 1.29)',
  'kubernetes node_uid': 'the cluster does not put the node into tokens (Kubernetes before 1.29)',
  'kubernetes serviceaccount_uid': 'the token is not a projected one; mount it with a `serviceAccountToken` volume',
}

function fixAbsent({ claim, expected, operator }: ConditionResult, provider: TrustProvider): string {
  const known = ABSENT[`${provider.preset.name} ${claim}`]
  const meaning = findClaimDefinition(provider.preset, claim)?.meaning
  const reason =
    known ?? (meaning === undefined ? `the proof has no claim ${claim}` : `the proof has no ${claim} (${meaning})`)
  if (
    provider.preset.name === 'github-actions' &&
    claim === 'environment' &&
    (operator === 'eq' || operator === 'in')
  ) {
    return `${reason}; if the job may have it, add \`environment: ${expected}\``
  }
  return `${reason}; the policy wants ${expected}`
}

function typeName(value: ClaimValue | undefined): string {
  if (value === undefined) return 'another type'
  return typeof value === 'object' ? 'a list' : typeof value === 'string' ? 'text' : `a ${typeof value}`
}

function fixWrongType({ claim, actual, expected }: ConditionResult): string {
  if (typeof actual === 'string' && String(expected) === actual) {
    return `${claim} is text: quote the value in the policy, "${actual}"`
  }
  return `${claim} came as ${typeName(actual)}, and the policy compares it with something else (${expected})`
}

function fixDifferent(result: ConditionResult): string {
  const { claim, actual, expected, operator } = result
  const came = typeof actual === 'object' ? actual.join(', ') : String(actual)
  const near = operator === 'eq' && typeof actual === 'string' ? nearMiss(expected, actual) : undefined
  return `${claim} is ${came}, the policy wants ${expected}${near === undefined ? '' : `: ${near}`}`
}

/** One sentence for a failing condition: what is wrong and who has to change what. */
export function fixCondition(result: ConditionResult, provider: TrustProvider): string {
  if (result.outcome === 'absent') return fixAbsent(result, provider)
  return result.outcome === 'wrong_type' ? fixWrongType(result) : fixDifferent(result)
}

function fixNoMatch({ explained, provider, request }: FixInput): string[] {
  const [nearest] = explained
  if (!nearest) {
    const service = request.service ? ` for ${request.service.name}` : ''
    return [
      `no policy names the provider ${provider.name}${service}; \`countersign trust-policies generate --from EVENT_ID\` drafts one in shadow mode`,
    ]
  }
  if (nearest.failing === 0) {
    // Only a shadow policy can be there with nothing failing.
    return [
      `${nearest.name} matches and is in shadow mode: it is recorded and grants nothing until its mode is enforce`,
    ]
  }
  return nearest.conditions
    .filter((condition) => condition.outcome !== 'ok')
    .map((condition) => fixCondition(condition, provider))
}

function fixDanger({ claims, provider, nearestPolicy }: FixInput): string[] {
  const danger = findDanger({ provider, claims }, nearestPolicy?.conditions ?? [], true)
  return danger ? [`${danger.claim}: ${danger.why}`, danger.fix] : []
}

function fixScopes({ request, nearestPolicy }: FixInput): string[] {
  if (!nearestPolicy) return []
  const { scopes } = nearestPolicy.grant
  const outside = namedScopes(request)?.filter((scope) => !scopes.includes(scope)) ?? []
  return [
    `${nearestPolicy.name} grants ${scopes.join(', ')}, and not ${outside.join(', ')}`,
    'ask for fewer scopes, or leave scope out to get what the policy grants',
  ]
}

function fixAmbiguous({ explained }: FixInput): string[] {
  const names = explained.filter((policy) => policy.failing === 0 && policy.mode === 'enforce').map(({ name }) => name)
  return [
    `${names.join(' and ')} match, and none grants less than the others`,
    'name a scope that only one of them has, or make the scopes or limits of one a part of the other’s',
  ]
}

function fixSenderConstraint(policy: TrustPolicy | undefined): string[] {
  const dpop = 'send a DPoP proof (RFC 9449) for the token endpoint, as `createCredentialClient({ dpop: true })` does'
  const mtls = 'call through the proxy that passes the client certificate on (RFC 9440), without a DPoP header'
  const constraint = policy?.limits.senderConstraint
  const ways = { dpop: [dpop], mtls: [mtls], any: [dpop, `or ${mtls}`] }
  return [
    `${policy?.name ?? 'the request'} ${constraint === undefined ? 'asks for' : 'grants only'} tokens that are bound to their holder`,
    ...ways[constraint ?? 'any'],
  ]
}

/**
 * What probably has to change so that the exchange works, in sentences, the likeliest first. They say what the proof or the request
 * lacks; none is a ready-made widening of a policy.
 */
export function likelyFixes(input: FixInput): readonly string[] {
  const { code, provider, nearestPolicy } = input
  switch (code) {
    case 'unknown_audience':
      return ['no enabled service has the requested audience; check `audience` (or `resource`) of the request']
    case 'no_matching_policy':
      return fixNoMatch(input)
    case 'scope_not_granted':
      return fixScopes(input)
    case 'ambiguous_policy':
      return fixAmbiguous(input)
    case 'dangerous_proof':
      return fixDanger(input)
    case 'proof_too_old': {
      const seconds = nearestPolicy && maxProofAge(nearestPolicy, provider)
      const limit = seconds === undefined ? '' : ` within ${seconds} s`
      return [`exchange the proof right after it was issued${limit}, or ask the platform for a fresh one`]
    }
    case 'policy_expired': {
      const at = nearestPolicy?.expiresAt?.toISOString()
      return [
        `${nearestPolicy?.name ?? 'the policy'} expired${at ? ` at ${at}` : ''}; review it and set a new \`expires\``,
      ]
    }
    case 'outside_limits':
      return [
        `${nearestPolicy?.name ?? 'the policy'} matches, but not from this address or at this time; see its \`limits\``,
      ]
    case 'sender_constraint_required':
      return fixSenderConstraint(nearestPolicy)
    case 'replayed':
      return ['ask the platform for a fresh proof for each exchange; this one has been used as often as it may be']
    case 'ambiguous_provider':
      return ['two trust providers accept the proof; make their `require` exclude each other']
    default:
      // Recorded events may carry a code of another version.
      return []
  }
}
