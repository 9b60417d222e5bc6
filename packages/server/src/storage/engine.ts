import type { DialectAdapter, QueryCompiler, Transaction } from 'kysely'
import type { BatchPlan, StorageTables } from './types.ts'
import type { StorableValue } from './values.ts'

/** Where storage reports what an operator must see. pino fits. */
export interface StorageLogger {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** Rows and the number of rows that a statement changed. */
export interface StatementResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly changes: number
}

/** One connection in one pair of hands, until it is released. */
export interface Session {
  query(sql: string, parameters: readonly StorableValue[]): Promise<StatementResult>
  begin(): Promise<void>
  /** Rejects when the engine rolled back instead, e.g. because a statement of the transaction had failed. */
  commit(): Promise<void>
  rollback(): Promise<void>
  release(): void
}

/** An entry of a batch with its placeholders filled in; rows of the dependents in the order of the plan. */
export interface BatchWrite {
  readonly guard: readonly StorableValue[] | null
  readonly rows: readonly (readonly (readonly StorableValue[])[])[]
}

/** Leadership as an engine holds it. */
export interface HeldLeadership {
  readonly epoch: number
  /** Aborts when the engine no longer holds the lock. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

/** What the two engines do differently. Everything else in this folder is written once over it. */
export interface Engine {
  readonly compiler: () => QueryCompiler
  readonly adapter: () => DialectAdapter
  readSession(): Promise<Session>
  writeSession(): Promise<Session>
  /** Rows in chunks over a connection of its own, so that a slow reader holds up nobody. */
  stream(
    sql: string,
    parameters: readonly StorableValue[],
    chunkSize: number,
  ): AsyncIterableIterator<StatementResult['rows']>
  /** The failure in storage's terms: ServiceError where the database is out of reach or damaged, else the error itself. */
  translate(error: unknown): unknown
  /** A deadlock or serialization failure: the same work may succeed at once. */
  isRetryable(error: unknown): boolean
  /** The transaction is known to be rolled back because of what it wrote: writing its parts one by one is safe. */
  isStatementFault(error: unknown): boolean
  /** Prepares a guarded batch; the returned function commits entries in one transaction and says which ones won. */
  prepareBatch(plan: BatchPlan): (entries: readonly BatchWrite[]) => Promise<readonly boolean[]>
  /** Takes the lock under which revisions are numbered, until the transaction ends. */
  lockRevisions(tx: Transaction<StorageTables>): Promise<void>
  /** Takes the same lock shared: many hold it at once, and nobody numbers a revision meanwhile. */
  shareRevisions(tx: Transaction<StorageTables>): Promise<void>
  /** The clock that all processes share, in milliseconds. */
  time(tx: Transaction<StorageTables>): Promise<number>
  /** Tells other processes, on commit, that there is a new revision. */
  notifyRevision(tx: Transaction<StorageTables>, revision: number): Promise<void>
  /** Calls back when another process may have committed a revision. */
  onRevision(callback: () => void): void
  /** Tries once to lead; undefined while somebody else does. */
  tryLead(holder: string, at: number): Promise<HeldLeadership | undefined>
  /** A clause that keeps the epoch's row from changing until the transaction ends. */
  readonly shareLock: 'for share' | ''
  ensurePartitions(table: string, upToValue: number): Promise<void>
  dropBefore(table: string, beforeValue: number): Promise<number>
  ping(): Promise<void>
  close(): Promise<void>
}
