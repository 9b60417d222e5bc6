import { findClaimDefinition, knowsClaim } from '../attestors/index.ts'
import { nearestName, type Problem, pointerTo } from '../resources/index.ts'
import { requireConditions } from './condition-claim.ts'
import { explainCondition } from './explain.ts'
import { splitSegments } from './glob.ts'
import { type LintInput, type LintRule, lintError, lintWarning } from './lint-input.ts'
import type { Condition } from './types.ts'

/** The pointer of a condition: its claim, and its operator where the file names one. */
function pointerOfCondition({ spec }: LintInput, { claim, operator }: Condition): string {
  const pointer = pointerTo('/spec/match', claim)
  return typeof spec.match[claim] === 'object' ? pointerTo(pointer, operator) : pointer
}

/** Conditions that say what a claim is, and not merely what it is not. */
function isPositive({ operator }: Condition): boolean {
  return operator === 'eq' || operator === 'in' || operator === 'glob'
}

/** Claims that the platform's proofs do not carry: the condition would never hold (S-11). */
export const lintUnknownClaims: LintRule = ({ spec, provider: { preset } }) =>
  Object.keys(spec.match)
    .filter((claim) => !knowsClaim(preset, claim))
    .map((claim) => {
      const near = nearestName(claim, Object.keys(preset.claims))
      const known = Object.keys(preset.claims).join(', ')
      return lintError(
        'claim_unknown',
        pointerTo('/spec/match', claim),
        `proofs of ${preset.name} carry no claim ${claim}`,
        near === undefined ? `known: ${known}` : `did you mean '${near}'?`,
      )
    })

/** The type that a condition's operator and value want of a claim. */
function wantedType(condition: Condition): string | undefined {
  switch (condition.operator) {
    case 'eq':
      return typeof condition.value
    case 'in':
    case 'notIn':
      return typeof condition.values[0]
    case 'glob':
    case 'cidr':
      return 'string'
    case 'lt':
    case 'gt':
      return 'number'
    default:
      return undefined
  }
}

/** Operators and values that do not fit the claim's type: exact types, so the condition would never hold. */
export const lintTypes: LintRule = (input) =>
  input.policy.conditions.flatMap((condition) => {
    const wanted = wantedType(condition)
    const { claimType } = condition
    if (wanted === undefined || claimType === undefined || wanted === claimType) return []
    if (claimType === 'strings' && wanted === 'string' && condition.operator !== 'cidr') return []
    const quoted = claimType === 'string' && condition.operator === 'eq' ? `: "${condition.value}"` : ''
    return [
      lintError(
        'operator_type',
        pointerOfCondition(input, condition),
        `${condition.claim} is of type ${claimType}, and ${condition.operator} compares it with a ${wanted}`,
        claimType === 'string' && wanted === 'number' ? `quote the value${quoted}` : `compare it with a ${claimType}`,
      ),
    ]
  })

/** A condition on what `require` has fixed to something else: it never holds. */
export const lintRequire: LintRule = (input) => {
  const fixed = Object.fromEntries(
    requireConditions(input.provider).map(({ claim }) => [claim, input.provider.require[claim]]),
  )
  return input.policy.conditions.flatMap((condition) => {
    const value = fixed[condition.claim]
    if (value === undefined) return []
    if (explainCondition(condition, { [condition.claim]: value }).outcome === 'ok') return []
    return [
      lintError(
        'contradicts_require',
        pointerOfCondition(input, condition),
        `\`require\` of ${input.provider.name} fixes ${condition.claim} to ${value}, and the condition wants something else`,
        'correct the value, or leave the condition out: every proof has the value that `require` names',
      ),
    ]
  })
}

// Claims whose value begins with the tenant, whoever `require` says the repository belongs to: a reusable workflow may be anybody's.
const TENANT_FIRST: ReadonlySet<string> = new Set([
  'repository',
  'repository_owner',
  'job_workflow_ref',
  'workflow_ref',
  'project_path',
  'namespace_path',
  'job_project_path',
  'job_namespace_path',
  'ci_config_ref_uri',
])

/** How many leading segments of a claim name the tenant, and so stand literally in every pattern. */
function tenantSegments({ provider: { preset } }: LintInput, claim: string): number {
  // `repo:OWNER/NAME:...`, `project_path:GROUP/...`, `system:serviceaccount:NAMESPACE:...`
  if (claim === 'sub') return 3
  const definition = findClaimDefinition(preset, claim)
  if (definition?.immutable === true) return Number.POSITIVE_INFINITY
  const pin = definition?.pinnedBy
  if (pin !== undefined && preset.tenantClaims.includes(pin) && !preset.identityClaims.slice(1).includes(pin)) {
    return Number.POSITIVE_INFINITY
  }
  return TENANT_FIRST.has(claim) ? 1 : 0
}

/** D-603: wildcards that reach over tenants. `**` behind a wildcard is refused by the schema already. */
export const lintTenantWildcards: LintRule = (input) =>
  input.policy.conditions.flatMap((condition) => {
    if (condition.operator !== 'glob') return []
    const leading = tenantSegments(input, condition.claim)
    const segments = splitSegments(condition.pattern)
    if (!segments.slice(0, leading).some((segment) => segment.text.includes('*'))) return []
    const immutable = findClaimDefinition(input.provider.preset, condition.claim)?.immutable === true
    return [
      lintError(
        'tenant_wildcard',
        pointerOfCondition(input, condition),
        immutable
          ? `${condition.claim} is an id: ids that look alike belong to strangers`
          : `the wildcard reaches over owners in ${condition.claim}`,
        immutable
          ? 'list the ids with `in`'
          : 'write the owner out; several owners are several policies, or an `in` list',
      ),
    ]
  })

/** D-604, T20: a name can be deleted and registered again by somebody else; its immutable id cannot. */
export const lintNames: LintRule = (input) => {
  const { policy, provider } = input
  const pinned = new Set([
    ...Object.keys(provider.require),
    ...policy.conditions.filter(({ operator }) => operator === 'eq' || operator === 'in').map(({ claim }) => claim),
  ])
  return policy.conditions.flatMap((condition) => {
    const pin = findClaimDefinition(provider.preset, condition.claim)?.pinnedBy
    if (pin === undefined || pinned.has(pin) || !isPositive(condition)) return []
    // On a platform that many share, the name of what identifies the workload is open to strangers.
    const report =
      provider.preset.tenantAlways === true && provider.preset.identityClaims.includes(pin) ? lintError : lintWarning
    return [
      report(
        'name_not_pinned',
        pointerOfCondition(input, condition),
        `${condition.claim} is a name: once it is given up, somebody else can take it`,
        `add ${pin}, the id of the same thing; \`countersign trust-policies generate\` knows it from a recorded exchange`,
      ),
    ]
  })
}

/** Deny lists, and conditions that say little: everything that nobody thought of gets through. */
export const lintOpenConditions: LintRule = (input) => {
  const { conditions } = input.policy
  const positive = new Set(conditions.filter(isPositive).map(({ claim }) => claim))
  return conditions.flatMap((condition): Problem[] => {
    const pointer = pointerOfCondition(input, condition)
    if (condition.operator === 'notIn' && !positive.has(condition.claim)) {
      return [
        lintWarning(
          'deny_list',
          pointer,
          `everything but ${condition.values.join(', ')} is admitted, also what the platform adds next year`,
          'list what is allowed instead: `in: [...]`',
        ),
      ]
    }
    if (condition.operator !== 'exists') return []
    if (!condition.value) {
      return [
        lintWarning(
          'absence_admits',
          pointer,
          `the policy holds for proofs without ${condition.claim}, also when the platform stops to send it`,
          'name a claim that is there instead',
        ),
      ]
    }
    if (positive.has(condition.claim)) return []
    const detail = `any value of ${condition.claim} is admitted`
    return [lintWarning('any_value', pointer, detail, 'list the values that are meant: `in: [...]`')]
  })
}

/** D-607: no condition says which workload; every workload of the tenant is admitted. */
export const lintIdentity: LintRule = ({ policy, provider: { preset, require: fixed } }) => {
  const identity = preset.identityClaims.filter((claim) => !Object.hasOwn(fixed, claim))
  const says = (claim: string): boolean => {
    const pin = findClaimDefinition(preset, claim)?.pinnedBy
    // A reusable workflow is the deployment's own identity, whichever repository calls it.
    return identity.includes(claim) || (pin !== undefined && identity.includes(pin)) || claim === 'job_workflow_ref'
  }
  if (identity.length === 0 || policy.conditions.some((condition) => isPositive(condition) && says(condition.claim))) {
    return []
  }
  return [
    lintWarning(
      'workload_not_named',
      '/spec/match',
      'no condition says which workload: every workload of the tenant is admitted',
      `add one of ${identity.join(', ')}`,
    ),
  ]
}
