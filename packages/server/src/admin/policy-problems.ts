import { compileTrustPolicy, policyTests, runPolicyTests } from '../policy/index.ts'
import { type Problem, pointerOf, pointerTo, type Resource } from '../resources/index.ts'
import type { CompiledReferences } from './state.ts'

/**
 * What is wrong with a policy in the state that it will live in: what does not compile, and each of its `tests` that does not come
 * out as stated (S-11). Also for a policy that is not changed itself, when its provider or service is.
 */
export function findPolicyProblems(
  resource: Resource,
  { references, now }: { readonly references: CompiledReferences; readonly now: Date },
): readonly Problem[] {
  const compilation = compileTrustPolicy(resource, references)
  if (!('policy' in compilation)) return compilation.problems
  const { policy } = compilation
  const provider = [...references.providersByName.values()].find(({ id }) => id === policy.providerId)
  if (!provider) throw new TypeError('a policy that compiles has a provider')
  const tests = policyTests.safeParse(resource.document.tests ?? [])
  if (!tests.success) {
    return tests.error.issues.map((issue) => ({
      severity: 'error',
      code: 'invalid_test',
      pointer: `/tests${pointerOf(issue.path)}`,
      detail: issue.message,
      fix: 'a case is `allow: { CLAIM: VALUE }` or `deny: { change: { CLAIM: VALUE } }`, with `request:` if need be',
    }))
  }
  return runPolicyTests(policy, provider, tests.data, now).failed.map(({ index, expected, detail }) => ({
    severity: 'error',
    code: 'policy_test_failed',
    pointer: pointerTo('/tests', index),
    detail: `test ${index + 1} expects ${expected}: ${detail}`,
    fix: 'correct the policy or its test',
  }))
}
