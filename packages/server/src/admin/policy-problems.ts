import {
  compileTrustPolicy,
  lintTrustPolicy,
  parsePolicyTests,
  runPolicyTests,
  type TrustPolicy,
} from '../policy/index.ts'
import { type Problem, pointerTo, type Resource } from '../resources/index.ts'
import { namesIn } from './references.ts'
import type { CompiledReferences } from './state.ts'

/** What policies of one state are checked against. */
export interface PolicySurroundings {
  readonly references: CompiledReferences
  /** Every resource of the state. */
  readonly resources: ReadonlyMap<string, Resource>
  readonly now: Date
}

/**
 * Creates the check of policies in the state that they will live in: the lint (which includes what does not compile), and each of
 * their `tests` that does not come out as stated (S-11). Neighbours, those of the same provider and service, are compiled once.
 */
export function createPolicyProblems({ references, resources, now }: PolicySurroundings) {
  const groups = new Map<string, Resource[]>()
  const compiled = new Map<string, readonly TrustPolicy[]>()
  for (const resource of resources.values()) {
    if (resource.document.kind !== 'TrustPolicy') continue
    const key = groupOf(resource)
    const group = groups.get(key)
    if (group) group.push(resource)
    else groups.set(key, [resource])
  }

  function neighbours(resource: Resource): readonly TrustPolicy[] {
    const key = groupOf(resource)
    const known = compiled.get(key)
    if (known) return known
    const policies = (groups.get(key) ?? []).flatMap((member) => {
      const compilation = compileTrustPolicy(member, references)
      return 'policy' in compilation ? [compilation.policy] : []
    })
    compiled.set(key, policies)
    return policies
  }

  return (resource: Resource): readonly Problem[] => {
    const { id, document } = resource
    const otherPolicies = neighbours(resource).filter((policy) => policy.id !== id)
    const problems = lintTrustPolicy(document, { ...references, id, otherPolicies, now })
    const tests = parsePolicyTests(document)
    const compilation = compileTrustPolicy(resource, references)
    if (!('tests' in tests) || !('policy' in compilation)) return problems
    const provider = references.providersByName.get(String(document.spec.provider))
    if (!provider) return problems
    const { failed } = runPolicyTests(compilation.policy, provider, tests.tests, now)
    return [
      ...problems,
      ...failed.map(
        ({ index, expected, detail }): Problem => ({
          severity: 'error',
          code: 'policy_test_failed',
          pointer: pointerTo('/tests', index),
          detail: `test ${index + 1} expects ${expected}: ${detail}`,
          fix: 'correct the policy or its test',
        }),
      ),
    ]
  }
}

function groupOf({ document }: Resource): string {
  const { provider, service } = namesIn(document)
  return `${provider} ${service}`
}
