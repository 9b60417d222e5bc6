import type { Kysely, Transaction } from 'kysely'
import { sql } from 'kysely'
import {
  parseReceiptJson,
  type ReceiptFacts,
  type ReceiptFollower,
  type ReceiptService,
  toReceiptJson,
} from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import type { JsonValue } from '../lib/index.ts'
import type { ReceiptsTable, Tables } from '../schema/index.ts'

/** A stored receipt: its facts as far as they are known, and what makes it final. */
export interface StoredReceipt {
  readonly facts: ReceiptFacts
  readonly state: 'pending' | 'final'
  /** The event that holds the final facts; undefined while somebody may still accept without having said so. */
  readonly finalEventId: string | undefined
  readonly note: string | undefined
  /** JSON of the proof and of the keys that verify it. */
  readonly proof: string | undefined
}

/**
 * Stores the receipt of a revocation, pending, in the transaction of the revocation: with the followers that hold a live lease
 * at this moment, and the bound of each service. Receipts are evidence: nothing ever deletes one.
 */
export async function insertReceipt(tx: Transaction<Tables>, facts: ReceiptFacts): Promise<void> {
  const { id, kind, value, revision, reason, actor } = facts
  await tx
    .insertInto('receipts')
    .values({
      ...{ id, kind, value, revision, reason, actor, state: 'pending', event_id: facts.eventId },
      ...{ committed_at: facts.committedAt.getTime(), body: formatBody(facts.services) },
      ...{ final_at: null, final_event_id: null, note: null, proof: null },
    })
    .execute()
  // In runs: engines bound the number of parameters of a statement.
  for (let from = 0; from < facts.followers.length; from += FOLLOWERS_PER_STATEMENT) {
    const rows = facts.followers.slice(from, from + FOLLOWERS_PER_STATEMENT).map((follower) => ({
      receipt_id: id,
      follower_id: follower.id,
      workload_id: follower.workloadId,
      service_id: follower.service,
      lease_until: follower.leaseUntil.getTime(),
      confirmed_at: follower.confirmedAt?.getTime() ?? null,
    }))
    await tx.insertInto('receipt_followers').values(rows).execute()
  }
}

/** Receipts by their ids, newest first, with who has confirmed by now. */
export async function findReceipts(db: Kysely<Tables>, ids: readonly string[]): Promise<readonly StoredReceipt[]> {
  if (ids.length === 0) return []
  const rows = await db.selectFrom('receipts').selectAll().where('id', 'in', ids).orderBy('id', 'desc').execute()
  const followers = await listFollowers(db, { receiptIds: ids, live: true })
  return rows.map((row) => toStoredReceipt(row, followers.get(row.id) ?? []))
}

/**
 * Locks a receipt whose facts are not final until the transaction ends, stores who has confirmed or ended by now, and returns the
 * receipt as it is stored then; undefined when its facts are final. Nobody else changes any of it before the transaction ends.
 */
export async function lockReceipt(tx: Transaction<Tables>, id: string): Promise<StoredReceipt | undefined> {
  const row = await tx
    .updateTable('receipts')
    .set({ state: 'pending' })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('final_event_id', 'is', null)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined) return undefined
  await tx
    .updateTable('receipt_followers')
    .set(({ selectFrom }) => ({
      confirmed_at: selectFrom('verifier_leases')
        .select('verifier_leases.applied_at')
        .whereRef('verifier_leases.follower_id', '=', 'receipt_followers.follower_id'),
    }))
    .where('receipt_id', '=', id)
    .where('confirmed_at', 'is', null)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('verifier_leases')
          .select(sql.lit(1).as('one'))
          .whereRef('verifier_leases.follower_id', '=', 'receipt_followers.follower_id')
          .where('verifier_leases.applied', '>=', row.revision),
      ),
    )
    .execute()
  await tx
    .updateTable('receipt_followers')
    .set(({ selectFrom }) => ({
      lease_until: selectFrom('verifier_leases')
        .select(({ fn }) => fn.coalesce('verifier_leases.ended_at', 'verifier_leases.lease_until').as('ended_at'))
        .whereRef('verifier_leases.follower_id', '=', 'receipt_followers.follower_id')
        .$asScalar()
        .$notNull(),
    }))
    .where('receipt_id', '=', id)
    .where('confirmed_at', 'is', null)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('verifier_leases')
          .select(sql.lit(1).as('one'))
          .whereRef('verifier_leases.follower_id', '=', 'receipt_followers.follower_id')
          .whereRef('verifier_leases.ended_at', '<', 'receipt_followers.lease_until'),
      ),
    )
    .execute()
  const followers = await listFollowers(tx, { receiptIds: [id], live: false })
  return toStoredReceipt(row, followers.get(id) ?? [])
}

/** Ids of receipts below `after`, newest first. */
export async function listReceiptIds(
  db: Kysely<Tables>,
  { after, limit, state }: { readonly after?: string; readonly limit: number; readonly state?: 'pending' | 'final' },
): Promise<readonly string[]> {
  let query = db.selectFrom('receipts').select('id').orderBy('id', 'desc').limit(limit)
  if (after !== undefined) query = query.where('id', '<', after)
  if (state !== undefined) query = query.where('state', '=', state)
  return (await query.execute()).map((row) => row.id)
}

/** Whether the facts of any receipt are not final yet. */
export async function hasUnsettledReceipt(db: Kysely<Tables>): Promise<boolean> {
  const row = await db
    .selectFrom('receipts')
    .select('id')
    .where('state', '=', 'pending')
    .where('final_event_id', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Ids of pending receipts whose facts are not final yet and can be: every follower has confirmed, has ended its lease, or could
 * have accepted until before `at` (the database's time) at most.
 */
export async function listSettledReceiptIds(
  db: Kysely<Tables>,
  { at, after, limit }: { readonly at: Date; readonly after: string; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('receipts')
    .select('id')
    .where('state', '=', 'pending')
    .where('final_event_id', 'is', null)
    .where('id', '>', after)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('receipt_followers')
            .leftJoin('verifier_leases', 'verifier_leases.follower_id', 'receipt_followers.follower_id')
            .select(sql.lit(1).as('one'))
            .whereRef('receipt_followers.receipt_id', '=', 'receipts.id')
            .where('receipt_followers.confirmed_at', 'is', null)
            .where('receipt_followers.lease_until', '>=', at.getTime())
            .where('verifier_leases.ended_at', 'is', null)
            .where(({ or, eb, ref }) =>
              or([
                eb('verifier_leases.applied', 'is', null),
                eb('verifier_leases.applied', '<', ref('receipts.revision')),
              ]),
            ),
        ),
      ),
    )
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map((row) => row.id)
}

/** Ids of pending receipts whose final event is in the sealed log. */
export async function listSealedReceiptIds(
  db: Kysely<Tables>,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('receipts')
    .innerJoin('log_leaves', 'log_leaves.event_id', 'receipts.final_event_id')
    .select('receipts.id')
    .where('receipts.state', '=', 'pending')
    .where('receipts.id', '>', after)
    .orderBy('receipts.id')
    .limit(limit)
    .execute()
  return rows.map((row) => row.id)
}

/** Fixes the facts of a receipt that {@link lockReceipt} has locked; its event is appended in the same transaction. */
export async function fixFacts(tx: Transaction<Tables>, facts: ReceiptFacts, finalEventId: string): Promise<void> {
  await tx
    .updateTable('receipts')
    .set({ final_event_id: finalEventId, final_at: facts.finalAt?.getTime() ?? null })
    .where('id', '=', facts.id)
    .execute()
}

/** Whether any receipt waits for its final event to be sealed. */
export async function hasUnsealedReceipt(db: Kysely<Tables>): Promise<boolean> {
  const row = await db
    .selectFrom('receipts')
    .leftJoin('log_leaves', 'log_leaves.event_id', 'receipts.final_event_id')
    .select('receipts.id')
    .where('receipts.state', '=', 'pending')
    .where('receipts.final_event_id', 'is not', null)
    .where('log_leaves.leaf_index', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Makes a receipt final, once, with its note and proof. */
export async function completeReceipt(
  tx: Transaction<Tables>,
  { id, note, proof }: { readonly id: string; readonly note: string; readonly proof: string },
): Promise<boolean> {
  const completed = await tx
    .updateTable('receipts')
    .set({ state: 'final', note, proof })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('final_event_id', 'is not', null)
    .executeTakeFirst()
  return completed.numUpdatedRows === 1n
}

const FOLLOWERS_PER_STATEMENT = 500

/** `live`: also those who have confirmed and whose confirmation is not stored with the receipt yet. */
async function listFollowers(
  db: Kysely<Tables>,
  { receiptIds, live }: { readonly receiptIds: readonly string[]; readonly live: boolean },
): Promise<ReadonlyMap<string, readonly ReceiptFollower[]>> {
  const rows = await db
    .selectFrom('receipt_followers')
    .innerJoin('receipts', 'receipts.id', 'receipt_followers.receipt_id')
    .leftJoin('verifier_leases', 'verifier_leases.follower_id', 'receipt_followers.follower_id')
    .select([
      'receipt_followers.receipt_id',
      'receipt_followers.follower_id',
      'receipt_followers.workload_id',
      'receipt_followers.service_id',
      'receipt_followers.lease_until',
      'receipt_followers.confirmed_at',
      'receipts.revision',
      'receipts.final_event_id',
      'verifier_leases.applied',
      'verifier_leases.applied_at',
    ])
    .where('receipt_followers.receipt_id', 'in', receiptIds)
    .orderBy('receipt_followers.follower_id')
    .execute()
  const byReceipt = new Map<string, ReceiptFollower[]>()
  for (const row of rows) {
    const followers = byReceipt.get(row.receipt_id) ?? []
    byReceipt.set(row.receipt_id, followers)
    // What a follower confirms once the facts are final is no part of them any more.
    const isCounted = live && row.final_event_id === null && row.applied !== null && row.applied >= row.revision
    const confirmedAt = row.confirmed_at ?? (isCounted ? row.applied_at : null)
    followers.push({
      id: row.follower_id,
      workloadId: row.workload_id,
      service: row.service_id,
      leaseUntil: new Date(row.lease_until),
      confirmedAt: confirmedAt === null ? undefined : new Date(confirmedAt),
    })
  }
  return byReceipt
}

function formatBody(services: readonly ReceiptService[]): string {
  return JSON.stringify({ services: toReceiptJson({ ...EMPTY, services })['services'] })
}

const EMPTY: ReceiptFacts = {
  ...{ id: 'rcpt_0', kind: 'jti', value: '', revision: 0, reason: '', actor: '', eventId: 'evt_0', finalAt: undefined },
  ...{ committedAt: new Date(0), effectiveEverywhereAt: new Date(0), followers: [], services: [] },
}

/** @throws ServiceError audit_invalid for a body that `formatBody` cannot have written */
function parseBody({ id, body }: ReceiptsTable): readonly ReceiptService[] {
  const read = () => {
    try {
      return parseReceiptJson({ ...toReceiptJson(EMPTY), ...(JSON.parse(body) as { services: JsonValue }) })
    } catch (error) {
      if (error instanceof SyntaxError) return undefined
      throw error
    }
  }
  const facts = read()
  if (facts === undefined) throw new ServiceError('audit_invalid', { internal: `the body of receipt ${id} is not one` })
  return facts.services
}

function toStoredReceipt(row: ReceiptsTable, followers: readonly ReceiptFollower[]): StoredReceipt {
  const { id, kind, value, revision, reason, actor } = row
  const committedAt = new Date(row.committed_at)
  const services = boundServices(parseBody(row), followers)
  return {
    facts: {
      ...{ id, kind, value, revision, reason, actor, committedAt, followers, services },
      effectiveEverywhereAt: latest([committedAt, ...services.map((service) => service.mayAcceptUntil)]),
      eventId: row.event_id,
      finalAt: row.final_at === null ? undefined : new Date(row.final_at),
    },
    state: row.state === 'final' ? 'final' : 'pending',
    finalEventId: row.final_event_id ?? undefined,
    note: row.note ?? undefined,
    proof: row.proof ?? undefined,
  }
}

/**
 * A service whose verifiers follow may accept until the last of them has confirmed or its lease has ended, whichever is first; the
 * bound of any other service does not change after the revocation.
 */
function boundServices(
  services: readonly ReceiptService[],
  followers: readonly ReceiptFollower[],
): readonly ReceiptService[] {
  return services.map((service) => {
    const own = followers.filter((follower) => follower.service === service.id)
    if (service.why !== 'followers' || own.length === 0) return service
    return { ...service, mayAcceptUntil: latest(own.map(endOfAcceptance)) }
  })
}

function endOfAcceptance({ confirmedAt, leaseUntil }: ReceiptFollower): Date {
  return confirmedAt !== undefined && confirmedAt < leaseUntil ? confirmedAt : leaseUntil
}

function latest(instants: readonly (Date | undefined)[]): Date {
  return new Date(Math.max(...instants.map((instant) => instant?.getTime() ?? 0)))
}
