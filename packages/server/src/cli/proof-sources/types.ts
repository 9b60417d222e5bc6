import type { CliContext } from '../types.ts'

/** What sources are asked with. */
export interface ProofRequest {
  /** The audience that the proof must be for, where the platform lets one choose. */
  readonly audience: () => Promise<string>
  readonly proofFile: string | undefined
  readonly timeoutMs: number
  readonly context: CliContext
}

/** A source's answer: the proof and where exactly it came from, or why this source does not apply here. */
export type SourceOutcome = { readonly rawProof: string; readonly from: string } | { readonly skipped: string }

/** One place that proofs come from. @throws CliFault when it is present and fails */
export type ProofSource = (request: ProofRequest) => Promise<SourceOutcome>
