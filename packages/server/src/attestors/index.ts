/**
 * Proof in: what a workload shows becomes an Attestation that holds only what a signature covers.
 * One path: `readUnverified` and `findCandidates` choose registered providers without opening a socket; `createAttestors().attest`
 * verifies against one of them with the SDK's strict verifier, then the provider's `require`. Providers are resources: `schema.ts`,
 * `lint.ts`, `compile.ts`. Add a platform: a file in `presets/` and a line in its list. Add a kind of proof: a file with an
 * `Attestor`, a line in `attestors.ts`, and a test that runs the shared negative suite.
 */
export { type Attestors, type AttestorsDeps, createAttestors } from './attestors.ts'
export { type CandidateOutcome, findCandidates } from './candidates.ts'
export { findClaimDefinition, knowsClaim } from './claim-definition.ts'
export { type TypedClaims, typeClaims } from './claims.ts'
export { compileTrustProvider } from './compile.ts'
export type {
  GithubSubject,
  GithubSubjectPart,
} from './github-subject.ts'
export { lintTrustProvider } from './lint.ts'
export { findPreset, PRESETS } from './presets/index.ts'
export { type TrustProviderSpec, trustProviderKind } from './schema.ts'
export type * from './types.ts'
export { readUnverified, type UnverifiedProof, type UnverifiedReading } from './unverified.ts'
export type { WorkloadIdentity } from './workload-uri.ts'
