import { ServiceError } from '../errors.ts'
import type { BatchWrite, Engine, StorageLogger } from './engine.ts'
import {
  BATCH_NUMBER,
  type BatchEntry,
  type BatchOutcome,
  type BatchPlan,
  type BatchRows,
  type BatchTable,
  type BatchValue,
  type GuardedBatch,
  type GuardedBatchOptions,
} from './types.ts'
import { assertFits, type StorableValue } from './values.ts'

const DEFAULT_MAX_ENTRIES = 256
const RETRIES = 3

interface Waiting {
  readonly entry: BatchEntry
  /** The guard row as text: equal for equal rows, and the order in which rows are written. */
  readonly key: string | null
  resolve(outcome: BatchOutcome): void
  reject(error: unknown): void
}

/** What a batch needs of the database that it belongs to. */
export interface GuardedBatchDependencies {
  readonly engine: Engine
  readonly plan: BatchPlan
  readonly options: GuardedBatchOptions
  readonly logger: StorageLogger | undefined
  /** Throws once the database no longer takes writes. */
  readonly assertOpen: () => void
}

function keyOf(row: readonly BatchValue[]): string {
  return row
    .map((value) => {
      if (value instanceof Uint8Array) {
        return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
      }
      return typeof value === 'symbol' ? '' : String(value)
    })
    .join('\0')
}

function assertRow(row: readonly BatchValue[], { table, columns }: BatchTable): void {
  const names = Object.keys(columns)
  if (row.length !== names.length) throw new TypeError(`a row of ${table} has ${names.length} values`)
  for (const [index, name] of names.entries()) {
    const type = columns[name]
    const value = row[index]
    if (type === undefined) continue
    if (value === BATCH_NUMBER && type === 'integer') continue
    assertFits(value, type, `${table}.${name}`)
  }
}

function assertRows(rows: BatchRows, plan: BatchPlan): void {
  for (const name of Object.keys(rows)) {
    const table = Object.hasOwn(plan.dependents, name) ? plan.dependents[name] : undefined
    if (!table) throw new TypeError(`${name} is not a table of this batch`)
    for (const row of rows[name] ?? []) assertRow(row, table)
  }
}

function numbered(rows: readonly (readonly BatchValue[])[], batch: number): readonly (readonly StorableValue[])[] {
  return rows.map((row) => row.map((value) => (typeof value === 'symbol' ? batch : value)))
}

/** Group commit over an engine: one batch in flight; what arrives meanwhile is the next batch. */
export function createGuardedBatch(dependencies: GuardedBatchDependencies) {
  const { engine, plan, options, logger, assertOpen } = dependencies
  const maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES
  const names = Object.keys(plan.dependents)
  const commit = engine.prepareBatch(plan)
  let queue: Waiting[] = []
  let inFlight = 0
  let running = false
  let lastBatch = 0
  let idle: (() => void)[] = []

  function toWrite({ guard, rows }: BatchEntry, batch: number): BatchWrite {
    return {
      guard: guard === null ? null : (numbered([guard], batch)[0] ?? []),
      rows: names.map((name) => numbered(rows[name] ?? [], batch)),
    }
  }

  /** Writers of several processes take their locks in one order, so that they wait for each other instead of in a circle. */
  function inOrder(entries: readonly Waiting[]): Waiting[] {
    return [...entries].sort((one, other) => {
      if (one.key === other.key) return 0
      if (one.key === null) return 1
      if (other.key === null) return -1
      return one.key < other.key ? -1 : 1
    })
  }

  /** Up to `maxEntries` entries of which no two have one guard row: both would look as if they had won. */
  function take(): Waiting[] {
    const taken: Waiting[] = []
    const deferred: Waiting[] = []
    const keys = new Set<string>()
    let index = 0
    for (; index < queue.length && taken.length < maxEntries; index += 1) {
      const waiting = queue[index]
      if (!waiting) break
      if (waiting.key !== null && keys.has(waiting.key)) {
        deferred.push(waiting)
        continue
      }
      if (waiting.key !== null) keys.add(waiting.key)
      taken.push(waiting)
    }
    queue = deferred.concat(queue.slice(index))
    return inOrder(taken)
  }

  async function attempt(entries: readonly BatchWrite[]): Promise<readonly boolean[]> {
    for (let retry = 0; ; retry += 1) {
      try {
        return await commit(entries)
      } catch (error) {
        if (retry >= RETRIES || !engine.isRetryable(error)) throw error
        await new Promise((resolve) => setTimeout(resolve, 2 + Math.random() * 10 * (retry + 1)))
      }
    }
  }

  async function writeAlone(waiting: Waiting): Promise<void> {
    lastBatch += 1
    const batch = lastBatch
    try {
      const [won] = await attempt([toWrite(waiting.entry, batch)])
      waiting.resolve({ won: won === true, batch })
    } catch (error) {
      waiting.reject(engine.translate(error))
    }
  }

  function askRideAlong(): BatchRows | undefined {
    const rows = options.rideAlong?.()
    if (!rows || names.every((name) => (rows[name] ?? []).length === 0)) return undefined
    assertRows(rows, plan)
    return rows
  }

  async function writeTogether(batchEntries: readonly Waiting[]): Promise<void> {
    lastBatch += 1
    const batch = lastBatch
    let ride: BatchRows | undefined
    try {
      ride = askRideAlong()
    } catch (error) {
      logger?.error({ err: error }, 'rows to ride along in a batch were refused')
    }
    const writes = batchEntries.map(({ entry }) => toWrite(entry, batch))
    if (ride) writes.push(toWrite({ guard: null, rows: ride }, batch))
    let wins: readonly boolean[]
    try {
      wins = await attempt(writes)
    } catch (error) {
      if (ride) options.rideFailed?.(ride)
      // After a lost connection nobody knows whether the commit happened: writing again could turn a win into a loss.
      const alone = engine.isStatementFault(error) && (batchEntries.length > 1 || ride !== undefined)
      if (!alone) {
        const translated = engine.translate(error)
        for (const { reject } of batchEntries) reject(translated)
        return
      }
      logger?.warn({ err: error, entries: batchEntries.length }, 'a batch failed and is written entry by entry')
      for (const waiting of batchEntries) await writeAlone(waiting)
      return
    }
    for (const [index, { resolve }] of batchEntries.entries()) resolve({ won: wins[index] === true, batch })
  }

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const batchEntries = take()
      inFlight = batchEntries.length
      try {
        await writeTogether(batchEntries)
      } catch (error) {
        for (const { reject } of batchEntries) reject(error)
      }
      inFlight = 0
    }
    running = false
    for (const resolve of idle) resolve()
    idle = []
  }

  const batch: GuardedBatch = {
    write: async (entry) => {
      assertOpen()
      if (entry.guard !== null) {
        assertRow(entry.guard, plan.guard)
        if (entry.guard.includes(null)) throw new TypeError('a guard row has no null')
      }
      assertRows(entry.rows, plan)
      return new Promise<BatchOutcome>((resolve, reject) => {
        queue.push({ entry, key: entry.guard === null ? null : keyOf(entry.guard), resolve, reject })
        if (running) return
        running = true
        // Requests that are ready in the same turn of the event loop share the first batch too.
        setImmediate(() => void run())
      })
    },
    pending: () => queue.length + inFlight,
  }

  return {
    batch,
    /** Resolves when nothing is waiting any more. */
    drained: (): Promise<void> => (running ? new Promise((resolve) => idle.push(resolve)) : Promise.resolve()),
  }
}

/** Refuses a plan whose guard could not decide. */
export function assertPlan({ guard, dependents }: BatchPlan): void {
  if (Object.keys(guard.columns).length === 0) throw new TypeError('the guard has no columns')
  for (const { table, columns } of Object.values(dependents)) {
    if (Object.keys(columns).length === 0) throw new TypeError(`${table} has no columns`)
  }
}

/** The error of a write that comes after the end. */
export function closedError(): ServiceError {
  return new ServiceError('store_unavailable', { detail: 'the database is closed' })
}
