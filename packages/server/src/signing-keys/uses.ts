import type { Kysely } from 'kysely'
import { ServiceError } from '../errors.ts'
import { lowestId, timeOfId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'

/** Issuances, told apart by what became of their signature (G-06). */
export interface UseCounts {
  readonly issuances: number
  /** Confirmed by the process that signed. */
  readonly signed: number
  /** Never signed, or nobody knows any more: marked, and the jti is revoked. */
  readonly unsigned: number
  /** Not confirmed yet: the process runs, or has not been settled. */
  readonly pending: number
}

/** What one key was used for. */
export interface KeyUse extends UseCounts {
  readonly kid: string
  readonly byPolicy: readonly (UseCounts & { readonly policyId: string })[]
  /** Hours in which it was used, oldest first; `hour` is the beginning. */
  readonly byHour: readonly (UseCounts & { readonly hour: Date })[]
}

/** The uses of keys between two instants. */
export interface KeyUses extends UseCounts {
  readonly from: Date
  readonly to: Date
  /** In the order of their first use. */
  readonly keys: readonly KeyUse[]
  /** Every issuance is signed or marked unsigned: nothing is open, and the sums are equal. */
  readonly reconciled: boolean
}

/** Which uses are asked for. */
export interface KeyUsesInput {
  readonly kid?: string
  readonly from: Date
  /** Exclusive. */
  readonly to: Date
}

const SLICE_MS = 60_000
const HOUR_MS = 3_600_000
const MAX_RANGE_MS = 31 * 24 * HOUR_MS

/**
 * Counts the signatures of a time range from the issuances, which are there before anything is signed. Ids sort by time, so that each
 * minute is a range of the primary key, empty ones are passed over, and others get their turn in between.
 * @throws ServiceError validation_failed for a range that is empty or longer than 31 days
 */
export async function countUses(db: Kysely<Tables>, { kid, from, to }: KeyUsesInput): Promise<KeyUses> {
  const lengthMs = to.getTime() - from.getTime()
  if (!(lengthMs > 0 && lengthMs <= MAX_RANGE_MS)) {
    throw new ServiceError('validation_failed', { detail: 'the range must have a length of at most 31 days' })
  }
  const total = createTally()
  const keys = new Map<string, KeyTally>()
  let next = await firstUse(db, from, to)
  while (next !== undefined) {
    const until = new Date(Math.min(to.getTime(), (Math.floor(next.getTime() / SLICE_MS) + 1) * SLICE_MS))
    const hour = Math.floor(next.getTime() / HOUR_MS) * HOUR_MS
    for (const row of await countSlice(db, { kid, from: next, to: until })) {
      const key = keys.get(row.kid) ?? { all: createTally(), byPolicy: new Map(), byHour: new Map() }
      keys.set(row.kid, key)
      for (const tally of [total, key.all, tallyOf(key.byPolicy, row.policy_id), tallyOf(key.byHour, hour)]) {
        tally.issuances += Number(row.issuances)
        tally.signed += Number(row.signed)
        tally.unsigned += Number(row.unsigned)
        tally.pending += Number(row.pending)
      }
    }
    await new Promise((resolve) => setImmediate(resolve))
    next = until < to ? await firstUse(db, until, to) : undefined
  }
  return {
    from,
    to,
    ...total,
    reconciled: total.pending === 0 && total.signed + total.unsigned === total.issuances,
    keys: [...keys].map(([each, { all, byPolicy, byHour }]) => ({
      kid: each,
      ...all,
      byPolicy: [...byPolicy].map(([policyId, counts]) => ({ policyId, ...counts })),
      byHour: [...byHour].map(([at, counts]) => ({ hour: new Date(at), ...counts })),
    })),
  }
}

type Tally = { -readonly [Name in keyof UseCounts]: UseCounts[Name] }

interface KeyTally {
  readonly all: Tally
  readonly byPolicy: Map<string, Tally>
  readonly byHour: Map<number, Tally>
}

function createTally(): Tally {
  return { issuances: 0, signed: 0, unsigned: 0, pending: 0 }
}

function tallyOf<K>(tallies: Map<K, Tally>, name: K): Tally {
  const tally = tallies.get(name) ?? createTally()
  tallies.set(name, tally)
  return tally
}

/** When the first issuance of a range was made. */
async function firstUse(db: Kysely<Tables>, from: Date, to: Date): Promise<Date | undefined> {
  const row = await db
    .selectFrom('issuances')
    .select('jti')
    .where('jti', '>=', lowestId('jti', from))
    .where('jti', '<', lowestId('jti', to))
    .orderBy('jti')
    .limit(1)
    .executeTakeFirst()
  if (!row) return undefined
  const at = timeOfId(row.jti)
  // Passed over, it and all that follow would be missing from sums that are called complete.
  if (!at) throw new ServiceError('store_corrupt', { internal: 'an issuance has a jti that is none of ours' })
  return at
}

function countSlice(db: Kysely<Tables>, { kid, from, to }: { kid: string | undefined; from: Date; to: Date }) {
  return db
    .selectFrom('issuances')
    .leftJoin('signing_confirmations', (join) =>
      join
        .onRef('signing_confirmations.boot_id', '=', 'issuances.boot_id')
        .onRef('signing_confirmations.batch', '=', 'issuances.batch'),
    )
    .leftJoin('unsigned_issuances', 'unsigned_issuances.jti', 'issuances.jti')
    .select(['issuances.kid', 'issuances.policy_id'])
    .select(({ fn, eb, lit }) => [
      fn.countAll().as('issuances'),
      // One of a batch may be marked unsigned and the batch be confirmed for the others: the mark wins.
      fn.count('unsigned_issuances.jti').as('unsigned'),
      fn
        .sum(
          eb
            .case()
            .when(eb.and([eb('unsigned_issuances.jti', 'is', null), eb('signing_confirmations.batch', 'is not', null)]))
            .then(lit(1))
            .else(lit(0))
            .end(),
        )
        .as('signed'),
      fn
        .sum(
          eb
            .case()
            .when(eb.and([eb('unsigned_issuances.jti', 'is', null), eb('signing_confirmations.batch', 'is', null)]))
            .then(lit(1))
            .else(lit(0))
            .end(),
        )
        .as('pending'),
    ])
    .where('issuances.jti', '>=', lowestId('jti', from))
    .where('issuances.jti', '<', lowestId('jti', to))
    .$if(kid !== undefined, (query) => query.where('issuances.kid', '=', kid ?? ''))
    .groupBy(['issuances.kid', 'issuances.policy_id'])
    .orderBy('issuances.kid')
    .orderBy('issuances.policy_id')
    .execute()
}
