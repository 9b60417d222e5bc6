import type { EventLog } from '../audit/index.ts'
import type { ErrorCode } from '../errors.ts'
import { type JsonObject, newId } from '../lib/index.ts'
import type { EarlyRefusalsTable, Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { insertEarlyRefusals, selectEarlyRefusal } from './store.ts'

const FLUSH_EVERY_MS = 10_000
const KEPT_IN_MEMORY = 1_000
const WRITTEN_PER_FLUSH = 100
const KEPT_IN_DATABASE = 1_000
const MAX_COUNTERS = 64

/** A call that was refused before its proof had verified and passed `require`: garbage, unknown issuer, bad signature, stranger. */
export interface EarlyRefusal {
  readonly code: ErrorCode
  /** For the administrator; holds no token text and no claim value. */
  readonly detail: string
  readonly stage: string
  readonly providerId: string | undefined
}

/** Refusals that are counted, not logged one by one: no stranger can fill the insert-only log. */
export interface EarlyRefusals {
  /** Counts the refusal and returns its id (`ref_`), by which it can be explained while it is kept. */
  record(refusal: EarlyRefusal): string
  find(id: string): Promise<(EarlyRefusal & { readonly id: string; readonly at: Date }) | undefined>
  /** Writes one summary event for what was counted since the last one, and the latest refusals. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** What early refusals need. */
export interface EarlyRefusalsDeps {
  readonly database: Database<Tables>
  readonly eventLog: EventLog
  readonly now: () => Date
  readonly onFailure: (error: unknown) => void
}

/** Starts counting; a summary event is written at most every 10 seconds, however many calls are refused. */
export function createEarlyRefusals({ database, eventLog, now, onFailure }: EarlyRefusalsDeps): EarlyRefusals {
  const latest = new Map<string, EarlyRefusalsTable>()
  let counts = new Map<string, number>()
  let unwritten: EarlyRefusalsTable[] = []
  let since = now()

  function count(refusal: EarlyRefusal): void {
    const key = `${refusal.code} ${refusal.providerId ?? '-'}`
    // Bounded: providers are registered by administrators, codes are ours; the cap is a second wall.
    const counted = counts.has(key) || counts.size < MAX_COUNTERS ? key : 'other -'
    counts.set(counted, (counts.get(counted) ?? 0) + 1)
  }

  async function flush(): Promise<void> {
    if (counts.size === 0) return
    const [written, rows, from] = [counts, unwritten, since]
    counts = new Map()
    unwritten = []
    since = now()
    try {
      await database.transaction(async (tx) => {
        const at = now()
        await insertEarlyRefusals(tx, rows, KEPT_IN_DATABASE)
        await eventLog.append(tx, {
          id: newId('evt', at),
          at,
          kind: 'exchange.refused_early',
          outcome: 'denied',
          actor: 'anonymous',
          data: { from: from.toISOString(), until: at.toISOString(), counts: toCounts(written) },
        })
      })
    } catch (error) {
      // The counts are not lost with the database's outage: they go into the next summary.
      for (const [key, value] of written) counts.set(key, (counts.get(key) ?? 0) + value)
      unwritten = [...rows, ...unwritten].slice(-WRITTEN_PER_FLUSH)
      since = from
      throw error
    }
  }

  const timer = setInterval(() => flush().catch(onFailure), FLUSH_EVERY_MS)
  timer.unref()

  return {
    record(refusal) {
      const at = now()
      const row = {
        id: newId('ref', at),
        at: at.getTime(),
        code: refusal.code,
        detail: JSON.stringify({ detail: refusal.detail, stage: refusal.stage, provider: refusal.providerId }),
      }
      count(refusal)
      latest.set(row.id, row)
      if (latest.size > KEPT_IN_MEMORY) latest.delete(latest.keys().next().value ?? '')
      unwritten.push(row)
      if (unwritten.length > WRITTEN_PER_FLUSH) unwritten.shift()
      return row.id
    },
    async find(id) {
      const row = latest.get(id) ?? (await selectEarlyRefusal(database.read, id))
      if (!row) return undefined
      const { detail, stage, provider } = JSON.parse(row.detail) as { detail: string; stage: string; provider?: string }
      return { id, at: new Date(row.at), code: row.code as ErrorCode, detail, stage, providerId: provider }
    },
    flush,
    async stop() {
      clearInterval(timer)
      await flush()
    },
  }
}

function toCounts(counts: ReadonlyMap<string, number>): JsonObject[] {
  return [...counts].map(([key, count]) => {
    const [code = '', provider = '-'] = key.split(' ')
    return provider === '-' ? { code, count } : { code, provider, count }
  })
}
