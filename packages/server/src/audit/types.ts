import type { Transaction } from 'kysely'
import type { JsonObject } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'

/** What is recorded. Holds ids, outcomes and hashes; never a token, a key or a secret; at most 8 KiB as canonical JSON. */
export interface AuditEvent {
  readonly id: string
  readonly at: Date
  /** Dotted noun and verb: `exchange.decided`, `policy.updated`, `token.revoked`, `signing_key.activated`. */
  readonly kind: string
  readonly outcome: 'allowed' | 'denied' | 'done' | 'failed'
  /** `workload:wl_...`, `local-socket`, `system`, `anonymous` */
  readonly actor: string
  readonly workloadId?: string
  readonly data: JsonObject
}

/** An event as it is read back: the exact bytes that the tree covers, and its place if it is sealed. */
export interface RecordedEvent extends AuditEvent {
  readonly body: Uint8Array
  readonly leafIndex: number | undefined
}

/** Appends events inside the caller's transaction: no action without its event. */
export interface EventLog {
  append(tx: Transaction<Tables>, event: AuditEvent): Promise<void>
  get(id: string): Promise<RecordedEvent | undefined>
  /**
   * Newest first; `after` is what the page before said is `next`. A page with a filter may hold fewer events than the limit, even none,
   * and still have a next one: one call looks at so many events and no more.
   */
  list(input: {
    after?: string
    limit: number
    kind?: string
    outcome?: string
    workloadId?: string
  }): Promise<{ items: readonly RecordedEvent[]; next: string | null }>
  /** Newest signed checkpoint, if anything has been sealed. */
  checkpoint(): Promise<{ size: number; root: Uint8Array; note: string; at: Date } | undefined>
  /**
   * Lines of the export (JSON Lines, each with its newline), from the first leaf up to the newest checkpoint; ends only at a
   * signed checkpoint.
   */
  export(): AsyncIterable<string>
  /** Events committed and not yet numbered, and the age of the oldest in milliseconds. */
  lag(): Promise<{ pending: number; oldestAgeMs: number }>
}
