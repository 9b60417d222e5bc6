import type { Problem, ResourceDocument } from '../resources/index.ts'
import { compileTrustPolicy, type PolicyReferences } from './compile.ts'
import {
  lintIdentity,
  lintNames,
  lintOpenConditions,
  lintRequire,
  lintTenantWildcards,
  lintTypes,
  lintUnknownClaims,
} from './lint-claims.ts'
import { lintAmbiguity, lintDangers, lintLimits, lintPlace } from './lint-grant.ts'
import { type LintRule, lintWarning } from './lint-input.ts'
import { lintPlaceholders, lintReview, lintTestsPresent } from './lint-metadata.ts'
import { parsePolicyTests } from './parse-tests.ts'
import { trustPolicySpec } from './schema.ts'
import type { TrustPolicy } from './types.ts'

/** What a policy is linted against. */
export interface LintContext extends PolicyReferences {
  /** The id of the policy itself, if it is stored already: it is not compared with itself. */
  readonly id?: string
  /** Every other policy of the resulting state, compiled; for ambiguity. */
  readonly otherPolicies?: readonly TrustPolicy[]
  readonly now: Date
}

const RULES: readonly LintRule[] = [
  lintUnknownClaims,
  lintTypes,
  lintRequire,
  lintTenantWildcards,
  lintNames,
  lintIdentity,
  lintOpenConditions,
  lintDangers,
  lintPlace,
  lintLimits,
  lintAmbiguity,
  lintPlaceholders,
  lintReview,
  lintTestsPresent,
]

/**
 * Everything that is wrong or unwise about a policy (S-11; D-602 and D-608 are the provider's lint): what stops it from compiling,
 * faults of its `tests` block, and the rules above. Errors refuse the save, warnings inform. Add a rule by its function and a line in the list.
 */
export function lintTrustPolicy(document: ResourceDocument<unknown>, context: LintContext): readonly Problem[] {
  const { otherPolicies = [], now } = context
  const tests = parsePolicyTests(document)
  const testProblems = 'problems' in tests ? tests.problems : []
  const id = context.id ?? 'new'
  const resource = { id, document, revision: 0, enabled: true, createdAt: now, updatedAt: now }
  const compilation = compileTrustPolicy(resource, context)
  if (!('policy' in compilation)) return [...compilation.problems, ...testProblems]
  const spec = trustPolicySpec.parse(document.spec)
  const provider = context.providersByName.get(spec.provider)
  if (!provider) return testProblems
  const { policy } = compilation
  const problems = RULES.flatMap((rule) => rule({ document, spec, policy, provider, otherPolicies, now }))
  const idle = [
    { enabled: provider.enabled, what: `the provider ${provider.name}`, pointer: '/spec/provider' },
    {
      enabled: policy.grant.service.enabled,
      what: `the service ${spec.grant.service}`,
      pointer: '/spec/grant/service',
    },
  ].filter(({ enabled }) => !enabled)
  return [
    ...problems,
    ...testProblems,
    ...idle.map(({ what, pointer }) => lintWarning('disabled_reference', pointer, `${what} is disabled`, 'enable it')),
  ]
}
