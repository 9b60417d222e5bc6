import { timingSafeEqual } from 'node:crypto'
import { ServiceError } from '../errors.ts'
import type { Now } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'

/** How long an answer is kept for a repeated request. */
export const IDEMPOTENCY_HOURS = 24

/**
 * A reservation without an answer that is older than this was left by a process that died: the key may be taken over. Longer than a
 * revocation may wait for its receipt, or its repetition would revoke again.
 */
const ABANDONED_MS = 120_000

/** `status` of a row whose work has not answered yet. */
const RUNNING = 0

/** An answer that can be given again. Never hold a secret in it. */
export interface RepeatableAnswer {
  readonly status: number
  readonly body: string
}

/** Remembers answers under the caller's Idempotency-Key, so that a repeated request is answered and not done again (W-10). */
export interface Idempotency {
  /**
   * The stored answer when `request` (a hash) is the same as then, else what `work` answers, stored for 24 hours.
   * Work that throws stores nothing: the request may be repeated.
   * @throws ServiceError idempotency_mismatch (the key was used for another request), conflict (the first one still runs)
   */
  once(
    input: { readonly actor: string; readonly key: string; readonly request: Uint8Array },
    work: () => Promise<RepeatableAnswer>,
  ): Promise<RepeatableAnswer & { readonly repeated: boolean }>
  /** Removes answers that are no longer kept; returns how many. */
  purge(): Promise<number>
}

/** Creates the memory of repeatable requests over the table `idempotency`. */
export function createIdempotency({ database, now }: { database: Database<Tables>; now: Now }): Idempotency {
  type Key = { readonly actor: string; readonly key: string; readonly request: Uint8Array }

  /** Takes the key for this request at `at`, or tells what is stored under it. */
  async function reserve({ actor, key, request }: Key, at: number): Promise<RepeatableAnswer | undefined> {
    return database.transaction(async (tx) => {
      const inserted = await tx
        .insertInto('idempotency')
        .values({ actor, key, request_hash: request, at, status: RUNNING, body: '' })
        .onConflict((conflict) => conflict.columns(['actor', 'key']).doNothing())
        .returning('at')
        .executeTakeFirst()
      if (inserted) return undefined
      const row = await tx
        .selectFrom('idempotency')
        .selectAll()
        .where('actor', '=', actor)
        .where('key', '=', key)
        .executeTakeFirst()
      if (!row) throw new ServiceError('conflict', { detail: 'a request with this Idempotency-Key has just ended' })
      const age = at - Number(row.at)
      const lapsed = age > IDEMPOTENCY_HOURS * 3_600_000
      const same = row.request_hash.length === request.length && timingSafeEqual(row.request_hash, request)
      if (!lapsed && !same) throw new ServiceError('idempotency_mismatch')
      if (!lapsed && Number(row.status) !== RUNNING) return { status: Number(row.status), body: row.body }
      if (!lapsed && age <= ABANDONED_MS) {
        throw new ServiceError('conflict', { detail: 'a request with this Idempotency-Key is still running' })
      }
      const taken = await tx
        .updateTable('idempotency')
        .set({ request_hash: request, at, status: RUNNING, body: '' })
        .where('actor', '=', actor)
        .where('key', '=', key)
        .where('at', '=', row.at)
        .returning('at')
        .executeTakeFirst()
      if (!taken) throw new ServiceError('conflict', { detail: 'a request with this Idempotency-Key is still running' })
      return undefined
    })
  }

  return {
    async once(input, work) {
      const at = now().getTime()
      const stored = await reserve(input, at)
      if (stored) return { ...stored, repeated: true }
      const ours = { actor: input.actor, key: input.key, at, status: RUNNING }
      let answer: RepeatableAnswer
      try {
        answer = await work()
      } catch (error) {
        await database.transaction(async (tx) => {
          await tx
            .deleteFrom('idempotency')
            .where((row) => row.and(ours))
            .execute()
        })
        throw error
      }
      if (answer.status === RUNNING) throw new TypeError('an answer has an HTTP status')
      await database.transaction(async (tx) => {
        await tx
          .updateTable('idempotency')
          .set(answer)
          .where((row) => row.and(ours))
          .execute()
      })
      return { ...answer, repeated: false }
    },

    async purge() {
      const before = now().getTime() - IDEMPOTENCY_HOURS * 3_600_000
      return database.transaction(async (tx) => {
        const result = await tx.deleteFrom('idempotency').where('at', '<', before).executeTakeFirst()
        return Number(result.numDeletedRows)
      })
    },
  }
}
