/**
 * Where a workload's proof comes from. The sources of the explicit list are asked in their order and the first that applies is taken;
 * each other one says why it was skipped. A source that is there and fails ends the search. Only these files read the environment.
 * Add one: its file, and a line in `PROOF_SOURCES`, with the server's presets that it is for.
 */
import { FILE } from './file.ts'
import { GITHUB } from './github.ts'
import { KUBERNETES } from './kubernetes.ts'
import type { SourceKind } from './types.ts'

export { callbackSource } from './callback.ts'
export { type FileSourceOptions, fileSource } from './file.ts'
export { findProof } from './find.ts'
export { type GithubSourceOptions, githubSource } from './github.ts'
export { type KubernetesSourceOptions, kubernetesSource } from './kubernetes.ts'
export type { Environment, ProofOutcome, ProofRequest, ProofSource, SourceKind, SourceVariable } from './types.ts'

/** Every source, in the order in which they are asked: the job that runs, the file that is named, the file that is mounted. */
export const PROOF_SOURCES: readonly SourceKind[] = [GITHUB, FILE, KUBERNETES]
