import type { Kysely, Transaction } from 'kysely'
import type { RevocationsTable, Tables } from '../schema/index.ts'
import type { RevocationRequest } from './types.ts'

/** Settings row: revocations that expire up to this instant (milliseconds) have been deleted. It only grows. */
const DROPPED_UP_TO = 'revocations_dropped_up_to'
/** A run deletes no more than this stretch, so that a clock that was set ahead for a minute costs the tokens of minutes. */
const MAX_ADVANCE_MS = 300_000
/** A token is dated at most this long after the newest heartbeat: without one, a process does not sign. */
const SIGNED_AFTER_HEARTBEAT_MS = 15_000

/** Adds revocations under a revision that the caller has taken in the same transaction. Repeating one is harmless. */
export async function insertRevocations(
  tx: Transaction<Tables>,
  revision: number,
  at: Date,
  requests: readonly RevocationRequest[],
): Promise<void> {
  if (requests.length === 0) return
  const aheadMs = await clockAheadMs(tx, at)
  const rows: RevocationsTable[] = requests.map((request) => ({
    revision,
    kind: request.kind,
    value: request.value,
    at: at.getTime(),
    up_to_revision: request.upToRevision ?? null,
    reason: request.reason,
    actor: request.actor,
    expires_at: request.expiresAt.getTime() + aheadMs,
    issued_before: request.issuedBefore?.getTime() ?? null,
  }))
  await tx
    .insertInto('revocations')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/**
 * How far tokens may be dated after `at`, because a clock was ahead when they were signed and has been set back: a revocation is
 * kept for them too. Heartbeats only grow, and every process stores one before it signs.
 */
export async function clockAheadMs(tx: Transaction<Tables>, at: Date): Promise<number> {
  const { newest } = await tx
    .selectFrom('instances')
    .select((eb) => eb.fn.max('heartbeat_at').as('newest'))
    .executeTakeFirstOrThrow()
  const aheadMs = Number(newest ?? 0) - at.getTime()
  return aheadMs > 0 ? aheadMs + SIGNED_AFTER_HEARTBEAT_MS : 0
}

/** Revocations after a revision, oldest first. All that are stored, whatever a clock says of their expiry. */
export function selectRevocations(db: Kysely<Tables>, afterRevision: number): Promise<RevocationsTable[]> {
  return db.selectFrom('revocations').selectAll().where('revision', '>', afterRevision).orderBy('revision').execute()
}

/** The first revocations of a range of revisions, in order: one more than `limit`, so that the caller sees whether there are more. */
export function selectRevocationsBetween(
  db: Kysely<Tables>,
  { after, through, limit }: { readonly after: number; readonly through: number; readonly limit: number },
): Promise<RevocationsTable[]> {
  return db
    .selectFrom('revocations')
    .selectAll()
    .where('revision', '>', after)
    .where('revision', '<=', through)
    .orderBy('revision')
    .orderBy('kind')
    .orderBy('value')
    .limit(limit + 1)
    .execute()
}

/** Every revocation of one revision. */
export function selectRevocationsAt(db: Kysely<Tables>, revision: number): Promise<RevocationsTable[]> {
  return db
    .selectFrom('revocations')
    .selectAll()
    .where('revision', '=', revision)
    .orderBy('kind')
    .orderBy('value')
    .execute()
}

/** Up to which expiry revocations have been deleted, in milliseconds; 0 before the first. Read it after the rows, never before. */
export async function selectDroppedUpTo(db: Kysely<Tables>): Promise<number> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', DROPPED_UP_TO).executeTakeFirst()
  return Number(row?.value ?? 0)
}

/** The one token that a jti names: which service it is for, and when it expires. */
export async function selectIssuance(
  db: Kysely<Tables>,
  jti: string,
): Promise<{ readonly serviceId: string; readonly expiresAt: Date } | undefined> {
  const row = await db
    .selectFrom('issuances')
    .select(['service_id', 'expires_at'])
    .where('jti', '=', jti)
    .executeTakeFirst()
  return row && { serviceId: row.service_id, expiresAt: new Date(row.expires_at) }
}

/**
 * Removes revocations that concern no live token any more, as the leader. How far it gets is stored with it: every token that
 * expires up to there counts as revoked from then on, since nobody knows any more whether it was. `mayJump`: the first run of a
 * process may pass over the time in which none ran.
 */
export async function deleteExpiredRevocations(
  tx: Transaction<Tables>,
  at: Date,
  { mayJump }: { readonly mayJump: boolean },
): Promise<number> {
  const { first } = await tx
    .selectFrom('revocations')
    .select((eb) => eb.fn.min('expires_at').as('first'))
    .executeTakeFirstOrThrow()
  if (first === null) return 0
  const reached = await selectDroppedUpTo(tx)
  const from = mayJump || reached === 0 ? Math.max(reached, Number(first)) : reached
  const upTo = Math.max(reached, Math.min(at.getTime(), from + MAX_ADVANCE_MS))
  await tx
    .insertInto('settings')
    .values({ name: DROPPED_UP_TO, value: String(upTo) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: String(upTo) }))
    .execute()
  const result = await tx.deleteFrom('revocations').where('expires_at', '<=', upTo).executeTakeFirst()
  return Number(result.numDeletedRows)
}
