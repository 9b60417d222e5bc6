import type { Selectable, Transaction } from 'kysely'
import type { Now } from '../lib/index.ts'
import type { Tables, WorkloadsTable } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'

/** How many workloads are remembered in memory; the least recently written are forgotten first. */
const REMEMBERED = 50_000

/** `last_seen_at` of one workload is written at most this often. */
const WRITE_EVERY_MS = 60_000

/** At most this many rows in one transaction, so that other writers are not kept waiting. */
const ROWS_PER_WRITE = 200

/** A workload as exchanges recorded it, whether or not somebody registered it. */
export interface SeenWorkload {
  readonly id: string
  /** The `sub` of its tokens. */
  readonly subject: string
  readonly providerId: string
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
  /** Environments of the policies that it has been granted under, sorted. More than one is a finding (NHI8). */
  readonly environments: readonly string[]
}

/** One appearance of a workload in an exchange. */
export interface WorkloadSighting {
  readonly id: string
  readonly subject: string
  readonly providerId: string
  readonly environment: string
}

/** Workloads as they appear in exchanges. */
export interface WorkloadRegistry {
  /** Notes an appearance. Returns at once; what is new is written in the background. */
  seen(sighting: WorkloadSighting): void
  get(id: string): Promise<SeenWorkload | undefined>
  /** The one whose tokens have this `sub`. */
  findBySubject(subject: string): Promise<SeenWorkload | undefined>
  /** By id; `after` is the id of the last one of the page before. */
  list(input: { after?: string; limit: number }): Promise<{ items: readonly SeenWorkload[]; next: string | null }>
  /** Resolves when everything noted so far is written. @throws when the database refuses; it is tried again later */
  flush(): Promise<void>
}

interface Remembered {
  readonly environments: Set<string>
  writtenAt: number
}

type Pending = WorkloadSighting & { readonly at: number; readonly environments: Set<string> }

function toSeenWorkload(row: Selectable<WorkloadsTable>): SeenWorkload {
  return {
    id: row.id,
    subject: row.subject,
    providerId: row.provider_id,
    firstSeenAt: new Date(Number(row.first_seen_at)),
    lastSeenAt: new Date(Number(row.last_seen_at)),
    environments: JSON.parse(row.environments) as string[],
  }
}

/** Creates the registry of recorded workloads. `onError` hears of background writes that failed; they are tried again. */
export function createWorkloadRegistry({
  database,
  now,
  onError = () => {},
}: {
  readonly database: Database<Tables>
  readonly now: Now
  readonly onError?: (error: unknown) => void
}): WorkloadRegistry {
  const remembered = new Map<string, Remembered>()
  let pending = new Map<string, Pending>()
  let writing: Promise<void> | undefined

  /** Writes one appearance; environments of another replica's concurrent write are kept. */
  async function merge(tx: Transaction<Tables>, row: Pending): Promise<void> {
    for (;;) {
      const inserted = await tx
        .insertInto('workloads')
        .values({
          id: row.id,
          subject: row.subject,
          provider_id: row.providerId,
          first_seen_at: row.at,
          last_seen_at: row.at,
          environments: JSON.stringify([...row.environments].sort()),
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .returning('id')
        .executeTakeFirst()
      if (inserted) return
      const stored = await tx.selectFrom('workloads').selectAll().where('id', '=', row.id).executeTakeFirst()
      if (!stored) continue
      const environments = new Set([...toSeenWorkload(stored).environments, ...row.environments])
      const updated = await tx
        .updateTable('workloads')
        .set({
          last_seen_at: Math.max(Number(stored.last_seen_at), row.at),
          environments: JSON.stringify([...environments].sort()),
        })
        .where('id', '=', row.id)
        .where('environments', '=', stored.environments)
        .returning('id')
        .executeTakeFirst()
      if (updated) return
    }
  }

  async function write(rows: readonly Pending[]): Promise<void> {
    // Ordered by key: two replicas that write the same workloads never wait for each other in a circle.
    const ordered = [...rows].sort((left, right) => (left.id < right.id ? -1 : 1))
    await database.transaction(async (tx) => {
      for (const row of ordered) await merge(tx, row)
    })
  }

  /** One writer at a time: what comes meanwhile rides in its next round. */
  async function drain(): Promise<void> {
    while (pending.size > 0) {
      const batch = [...pending.values()].slice(0, ROWS_PER_WRITE)
      for (const { id } of batch) pending.delete(id)
      try {
        await write(batch)
      } catch (error) {
        const newer = pending
        pending = new Map(batch.map((row) => [row.id, row]))
        for (const row of newer.values()) note(row, row.at)
        throw error
      }
    }
  }

  function note(sighting: WorkloadSighting & { readonly environments?: ReadonlySet<string> }, at: number): void {
    const known = pending.get(sighting.id)
    const environments = new Set([...(known?.environments ?? []), ...(sighting.environments ?? [sighting.environment])])
    pending.set(sighting.id, { ...sighting, at: Math.max(at, known?.at ?? 0), environments })
  }

  function start(): Promise<void> {
    writing ??= drain().finally(() => {
      writing = undefined
    })
    return writing
  }

  return {
    seen(sighting) {
      const at = now().getTime()
      const known = remembered.get(sighting.id)
      if (known?.environments.has(sighting.environment) && at - known.writtenAt < WRITE_EVERY_MS) return
      remembered.delete(sighting.id)
      remembered.set(sighting.id, {
        environments: (known?.environments ?? new Set()).add(sighting.environment),
        writtenAt: at,
      })
      if (remembered.size > REMEMBERED) {
        const oldest = remembered.keys().next().value
        if (oldest !== undefined) remembered.delete(oldest)
      }
      note(sighting, at)
      start().catch(onError)
    },

    async get(id) {
      const row = await database.read.selectFrom('workloads').selectAll().where('id', '=', id).executeTakeFirst()
      return row && toSeenWorkload(row)
    },

    async findBySubject(subject) {
      const rows = database.read.selectFrom('workloads').selectAll().where('subject', '=', subject)
      const row = await rows.executeTakeFirst()
      return row && toSeenWorkload(row)
    },

    async list({ after, limit }) {
      let query = database.read.selectFrom('workloads').selectAll().orderBy('id')
      if (after !== undefined) query = query.where('id', '>', after)
      const rows = await query.limit(limit + 1).execute()
      const items = rows.slice(0, limit).map(toSeenWorkload)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    async flush() {
      while (writing || pending.size > 0) await start()
    },
  }
}
