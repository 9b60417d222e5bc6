import type { JsonObject } from '../lib/index.ts'
import type { ConditionResult, TrustPolicy } from '../policy/index.ts'

/** A step of an exchange as `explain` shows it. */
export interface ExplainedStep {
  readonly step:
    | 'parse'
    | 'provider'
    | 'signature'
    | 'audience'
    | 'fresh'
    | 'require'
    | 'sender'
    | 'policy'
    | 'replay'
    | 'issue'
  readonly outcome: 'ok' | 'failed' | 'not_reached'
  readonly detail: string
}

/** One policy compared with what came, condition by condition in file order. */
export interface ExplainedPolicy {
  readonly id: string
  readonly name: string
  readonly revision: number
  readonly mode: TrustPolicy['mode']
  readonly conditions: readonly ConditionResult[]
  readonly failing: number
}

/** Why an exchange came out as it did: what `countersign explain` and the console show. */
export interface Explanation {
  readonly id: string
  readonly at: Date
  readonly outcome: 'allowed' | 'denied'
  readonly code: string
  readonly headline: string
  /** What the caller was told, and nothing else. */
  readonly callerSaw: { readonly status: number; readonly error: string }
  readonly workloadId: string | undefined
  readonly provider: { readonly id: string; readonly name: string } | undefined
  readonly service: { readonly id: string; readonly name: string } | undefined
  readonly steps: readonly ExplainedStep[]
  /** Nearest first, at most 3. */
  readonly policies: readonly ExplainedPolicy[]
  readonly fixes: readonly string[]
  /** Undefined when retention has removed them; the explanation says so. */
  readonly claims: JsonObject | undefined
  readonly tookMicroseconds: number | undefined
  readonly notes: readonly string[]
}
