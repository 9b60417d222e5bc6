/**
 * Trust policies: which proofs may get which grant. One path: a stored document -> `compileTrustPolicy` (names and types resolved)
 * -> `compilePolicies` (indexed) -> `decide` (pure, default deny). Around it, all pure as well: `lintTrustPolicy` when one is saved,
 * `runPolicyTests` for its `tests`, `comparePolicies` for what a change widens, `explainPolicies` for why one did not match,
 * `generatePolicy` for one that would. A new operator is a case in `operators.ts`, `schema.ts`, `implication.ts` and, if claims can
 * be looked up by it, `access-keys.ts`.
 */
export { compileTrustPolicy, type PolicyCompilation, type PolicyReferences } from './compile.ts'
export { compilePolicies } from './compile-policies.ts'
export { type ExplainInput, explainPolicies, type PolicyExplanation } from './explain.ts'
export { type GeneratedPolicyDraft, type GenerateInput, generatePolicy } from './generate.ts'
export { MAX_TTL_SECONDS } from './grant.ts'
export { type GrantHistory, loadGrantHistory, type PastGrant } from './grant-history.ts'
export { type FixInput, likelyFixes } from './likely-fixes.ts'
export { type LintContext, lintTrustPolicy } from './lint.ts'
export { parsePolicyTests } from './parse-tests.ts'
export { comparePolicies, type PolicyRelation } from './relation.ts'
export { type PolicyTest, policyTests, type TrustPolicySpec, trustPolicyKind } from './schema.ts'
export { buildSnapshot, type SnapshotInput } from './snapshot.ts'
export { createSnapshotSource, type SnapshotSource, type SnapshotSourceDeps } from './snapshot-source.ts'
export { type PolicyTestCase, type PolicyTestRun, runPolicyTests } from './tests-block.ts'
export type * from './types.ts'
