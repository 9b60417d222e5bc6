/** What a source is asked with. */
export interface ProofRequest {
  /** The audience that the proof must be for, where the platform lets one choose. Ask only then: it may have to be fetched. */
  audience(): Promise<string>
  /** Makes requests to the platform; bounded by the caller's signal. */
  readonly fetch: typeof fetch
  /** Ends when nobody waits any more, or when the time for the proof is over. */
  readonly signal: AbortSignal
}

/** A source's answer: the proof and where exactly it came from, or why this source does not apply here. */
export type ProofOutcome = { readonly rawProof: string; readonly from: string } | { readonly skipped: string }

/**
 * One place that proofs come from. It is asked anew for each exchange: projected tokens rotate, and a proof may be good for one use.
 *
 * `skipped` is shown to people: fixed words, names of variables and paths, never a value. A source that is there and fails throws:
 * falling through to another would exchange under another identity than the one that the platform meant.
 */
export interface ProofSource {
  readonly name: string
  /** @throws CountersignError proof_unavailable, proof_invalid */
  find(request: ProofRequest): Promise<ProofOutcome>
}

/** An environment variable that a source reads, for documentation. */
export interface SourceVariable {
  readonly name: string
  readonly meaning: string
}

/** The variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A kind of source as data: which presets of the server its proofs are for, and what it reads. */
export interface SourceKind {
  readonly name: string
  /** Names of the server's presets. A test fails when the server has one that no source is for. */
  readonly presets: readonly string[]
  readonly variables: readonly SourceVariable[]
  /** Files that are read when no variable names one. */
  readonly defaultPaths: readonly string[]
  /** The source as it is used when an application names none. */
  create(): ProofSource
}
