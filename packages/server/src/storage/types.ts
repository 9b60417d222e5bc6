import type { Kysely, Transaction } from 'kysely'

/** Column types of one engine, for the shared part of a migration. */
export interface ColumnTypes {
  readonly bytes: 'BLOB' | 'BYTEA'
  readonly integer: 'INTEGER' | 'BIGINT'
}

/** A forward-only schema migration as data. Statements run in one transaction: shared first, then the engine's own. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly statements: (types: ColumnTypes) => readonly string[]
  readonly embedded?: readonly string[]
  readonly postgres?: readonly string[]
  /** Tables whose rows can be inserted and read, never updated or deleted: grants on PostgreSQL, triggers on both. */
  readonly appendOnly?: readonly string[]
  /** Tables partitioned by range on PostgreSQL; storage makes and drops their partitions. Elsewhere rows are deleted. */
  readonly partitioned?: readonly { readonly table: string; readonly column: string; readonly spanMs: number }[]
}

/** A change in the one ordered log of security changes. */
export interface RevisionsTable {
  revision: number
  at: number
  kind: string
  target: string
  detail: string
}

/** Who leads; the epoch fences the writes of a leader that lost the lock without noticing. */
export interface LeadershipTable {
  id: number
  epoch: number
  holder: string
  at: number
}

/** One row per schema migration that has run. */
export interface SchemaMigrationsTable {
  version: number
  name: string
  applied_at: number
}

/** Rows of a partitioned table below `before_value` have been dropped. The value only grows, and no such row is stored again. */
export interface DroppedRangesTable {
  table_name: string
  before_value: number
}

/** The tables that storage itself owns. */
export interface StorageTables {
  schema_migrations: SchemaMigrationsTable
  revisions: RevisionsTable
  leadership: LeadershipTable
  dropped_ranges: DroppedRangesTable
}

/** A committed change, as readers see it. */
export interface Revision {
  readonly revision: number
  readonly at: Date
  readonly kind: string
  readonly target: string
  readonly detail: unknown
}

/** A change to append; `target` is the id of what changed, `detail` is JSON. */
export interface RevisionChange {
  readonly kind: string
  readonly target: string
  readonly detail: unknown
}

/** A position in one history of the log. */
export interface RevisionHead {
  readonly revision: number
  /**
   * Names the history at the revision: base64url of the first 12 bytes of SHA-256 over the row. A database that was restored and
   * went on differently gives another tag for the same number. Empty for revision 0.
   */
  readonly tag: string
}

/**
 * The ordered log of security changes. Appending takes a transaction-scoped lock, so that revision order is commit order;
 * subscribers see each revision exactly once and strictly in order, with no gap.
 */
export interface RevisionLog<T extends StorageTables> {
  /** Takes the next revision inside the caller's transaction; the change is announced after the commit. */
  append(tx: Transaction<T>, change: RevisionChange): Promise<number>
  /**
   * The newest revision, and it stays the newest until the caller's transaction ends: an append waits for it, and it waits for
   * one that is under way. Any number of transactions hold the head at the same time (embedded: one after the other). Call it
   * before anything else is read in the transaction.
   */
  holdHead(tx: Transaction<T>): Promise<RevisionHead>
  /** The newest revision committed in the database, whatever has been applied here. */
  newest(): Promise<number>
  /** The tag of a revision; undefined when there is none. Revision 0 is the beginning of every history, and its tag is empty. */
  tagOf(revision: number): Promise<string | undefined>
  /** The newest revision applied here and how long ago the database's head was last read, by the monotonic clock. */
  head(): { readonly revision: number; readonly ageMs: number }
  /** Reads the database's head now and applies what is new before it resolves. */
  refresh(): Promise<number>
  /** Calls back after each newly applied run of revisions. Returns a function that ends the subscription. */
  subscribe(listener: (changes: readonly Revision[]) => Promise<void> | void): () => void
  /** Revisions after `after`, oldest first, at most `limit`. */
  since(after: number, limit: number): Promise<readonly Revision[]>
}

/** Placeholder for the number of the batch (1, 2, ... per {@link GuardedBatch}) that a row is written in. */
export const BATCH_NUMBER: unique symbol = Symbol('batch number')

/** A column's type in a guarded batch: text, integer (up to 2^53) or bytes. Values may be null in dependent tables. */
export type BatchColumnType = 'text' | 'integer' | 'bytes'

/** A value of a batch row. {@link BATCH_NUMBER} stands for the number of the batch that the row is written in. */
export type BatchValue = string | number | Uint8Array | null | typeof BATCH_NUMBER

/** A table and its columns, in the order in which rows give their values. */
export interface BatchTable {
  readonly table: string
  readonly columns: Readonly<Record<string, BatchColumnType>>
  /** `ignore`: an existing primary key leaves the row out silently (first writer wins). */
  readonly onConflict?: 'ignore'
}

/** What a guarded batch writes: a guard row that must be new, and rows in other tables that exist only if it was. */
export interface BatchPlan {
  /** The table whose primary key decides; its columns are exactly its primary key. */
  readonly guard: BatchTable
  readonly dependents: Readonly<Record<string, BatchTable>>
}

/** Rows by dependent name; each row gives its values in the order of the table's columns. */
export type BatchRows = Readonly<Record<string, readonly (readonly BatchValue[])[]>>

/** One request's rows. `guard` null means unconditional. */
export interface BatchEntry {
  readonly guard: readonly BatchValue[] | null
  readonly rows: BatchRows
}

/**
 * What became of an entry: `won` is false when its guard row existed before, or lies where rows have been dropped and may have
 * existed (nothing of the entry is stored then).
 */
export interface BatchOutcome {
  readonly won: boolean
  readonly batch: number
}

/**
 * The hot write path. Concurrent entries share one transaction (group commit): the next batch starts when the previous commit
 * returns, without a timer; `write` resolves only after the commit that holds the entry.
 * Two entries with one guard key never share a batch. A row that the engine refuses fails its own entry only.
 */
export interface GuardedBatch {
  write(entry: BatchEntry): Promise<BatchOutcome>
  /** Entries waiting or being written; for load shedding and for a graceful stop. */
  pending(): number
}

/** Options of {@link Database.createGuardedBatch}. */
export interface GuardedBatchOptions {
  /** Unconditional rows that ride along in the next batch, e.g. confirmations; asked once per batch, lost if the batch fails. */
  readonly rideAlong?: () => BatchRows
  /** Called when a batch with ride-along rows has not been committed, so that they can ride again. */
  readonly rideFailed?: (rows: BatchRows) => void
  /** At most this many entries per transaction. Default 256. */
  readonly maxEntries?: number
}

/** A database that is open, migrated and current. Only storage knows which engine is behind it. */
export interface Database<T extends StorageTables> {
  /** For reads outside transactions; sees committed data only. */
  readonly read: Kysely<T>
  /**
   * Runs `work` in one write transaction; commits when it resolves, rolls back when it throws.
   * It must await nothing but its own statements (embedded: every other write waits behind it): {@link read}, batches and
   * further transactions are refused in it with a TypeError, and after 30 seconds it is rolled back. Deadlocks and
   * serialization failures are retried up to 3 times, so `work` must have no other effect.
   */
  transaction<R>(work: (tx: Transaction<T>) => Promise<R>): Promise<R>
  readonly revisions: RevisionLog<T>
  /**
   * What time it is for everybody who shares the database: the database's clock on PostgreSQL, so that clocks of replicas do not
   * matter, and the injected one where there is only one process.
   */
  time(tx: Transaction<T>): Promise<Date>
  createGuardedBatch(plan: BatchPlan, options?: GuardedBatchOptions): GuardedBatch
  /**
   * Campaigns for leadership until closed; `lead` is called each time it is won and gets a signal that aborts when it is lost.
   * It runs until then: when it returns or throws, the leadership is given up and campaigned for again a second later.
   * At most one process leads; its transactions are fenced by the epoch. One campaign per database.
   */
  campaign(holder: string, lead: (leader: Leader<T>) => Promise<void>): () => Promise<void>
  /**
   * Makes the partitions that rows from now up to this value will need; resolves at once where nothing is to be made.
   * A guarded batch makes those of its own rows by itself. PostgreSQL makes none that lies more than 8 days ahead or is over
   * for more than an hour: a row there is refused with `validation_failed`.
   */
  ensurePartitions(table: string, upToValue: number): Promise<void>
  /**
   * Removes what lies wholly before `beforeValue` and is past: dropped partitions on PostgreSQL (an hour after their range, by
   * the database's clock), deleted rows (bounded per call) elsewhere. Returns how many partitions or rows went.
   * How far it got is stored before anything goes, and a guard row below that never wins again, however a clock is moved. Called
   * once a minute it advances at most five times as fast as time passes, so that a clock that is wrong for a minute costs minutes.
   */
  dropBefore(table: string, beforeValue: number): Promise<number>
  /** Rejects when the database does not answer within `timeoutMs`; for readiness. */
  ping(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

/** A won leadership. */
export interface Leader<T extends StorageTables> {
  readonly epoch: number
  /** Aborts when the lock is lost or the campaign is closed. */
  readonly signal: AbortSignal
  /** As {@link Database.transaction}, and fails unless this epoch is still the newest when it commits. */
  transaction<R>(work: (tx: Transaction<T>) => Promise<R>): Promise<R>
}
