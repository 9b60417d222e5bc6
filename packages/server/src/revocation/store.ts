import type { Kysely, Transaction } from 'kysely'
import type { RevocationsTable, Tables } from '../schema/index.ts'
import type { RevocationRequest } from './types.ts'

/** Adds revocations under a revision that the caller has taken in the same transaction. Repeating one is harmless. */
export async function insertRevocations(
  tx: Transaction<Tables>,
  revision: number,
  at: Date,
  requests: readonly RevocationRequest[],
): Promise<void> {
  if (requests.length === 0) return
  const rows: RevocationsTable[] = requests.map((request) => ({
    revision,
    kind: request.kind,
    value: request.value,
    at: at.getTime(),
    up_to_revision: request.upToRevision ?? null,
    reason: request.reason,
    actor: request.actor,
    expires_at: request.expiresAt.getTime(),
  }))
  await tx
    .insertInto('revocations')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Revocations after a revision that can still concern a live token, oldest first. */
export function selectLiveRevocations(
  db: Kysely<Tables>,
  afterRevision: number,
  now: Date,
): Promise<RevocationsTable[]> {
  return db
    .selectFrom('revocations')
    .selectAll()
    .where('revision', '>', afterRevision)
    .where('expires_at', '>', now.getTime())
    .orderBy('revision')
    .execute()
}

/** Removes revocations that concern no live token any more. */
export async function deleteExpiredRevocations(tx: Transaction<Tables>, before: Date): Promise<number> {
  const result = await tx.deleteFrom('revocations').where('expires_at', '<=', before.getTime()).executeTakeFirst()
  return Number(result.numDeletedRows)
}
