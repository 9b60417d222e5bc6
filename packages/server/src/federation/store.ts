import type { Kysely, Transaction } from 'kysely'
import type { DecisionClaimsTable, EarlyRefusalsTable, IssuancesTable, Tables } from '../schema/index.ts'
import type { BatchTable } from '../storage/index.ts'

/** The guard of an exchange: a proof's slot can be inserted once, on any replica. */
export const PROOF_CLAIM_BATCH: BatchTable = {
  table: 'proof_claims',
  columns: { proof_key: 'bytes', slot: 'integer', proof_expires_at: 'integer' },
}

/** What is written with a won slot, in one transaction with the events of audit/. */
export const EXCHANGE_BATCH = {
  issuances: {
    table: 'issuances',
    columns: {
      jti: 'text',
      event_id: 'text',
      boot_id: 'text',
      batch: 'integer',
      kid: 'text',
      workload_id: 'text',
      subject: 'text',
      provider_id: 'text',
      policy_id: 'text',
      service_id: 'text',
      scope: 'text',
      revision: 'integer',
      issued_at: 'integer',
      expires_at: 'integer',
    },
  },
  claims: { table: 'decision_claims', columns: { event_id: 'text', at: 'integer', salt: 'bytes', claims: 'bytes' } },
  confirmations: {
    table: 'signing_confirmations',
    columns: { boot_id: 'text', batch: 'integer' },
    onConflict: 'ignore',
  },
} as const satisfies Record<string, BatchTable>

/** Registers a running process. */
export async function insertInstance(tx: Transaction<Tables>, bootId: string, at: Date): Promise<void> {
  const row = { boot_id: bootId, started_at: at.getTime(), heartbeat_at: at.getTime(), settled_at: null }
  await tx.insertInto('instances').values(row).execute()
}

/**
 * Stores a heartbeat. The value always grows, even when the clock was set back: the leader looks for change, not for age. An
 * instance that was taken for dead and settled is open again: what it signs from now on needs an account too.
 */
export async function touchInstance(tx: Transaction<Tables>, bootId: string, at: Date): Promise<void> {
  await tx
    .updateTable('instances')
    .set((eb) => ({
      heartbeat_at: eb
        .case()
        .when('heartbeat_at', '>=', at.getTime())
        .then(eb('heartbeat_at', '+', 1))
        .else(at.getTime())
        .end(),
      settled_at: null,
    }))
    .where('boot_id', '=', bootId)
    .execute()
}

/** Instances whose signatures have not been reconciled for good. */
export function selectUnsettled(db: Kysely<Tables>): Promise<{ boot_id: string; heartbeat_at: number }[]> {
  return db.selectFrom('instances').select(['boot_id', 'heartbeat_at']).where('settled_at', 'is', null).execute()
}

/** Issuances of an instance whose batch it never confirmed. */
export function selectUnconfirmed(
  db: Kysely<Tables>,
  bootId: string,
): Promise<Pick<IssuancesTable, 'jti' | 'expires_at'>[]> {
  return db
    .selectFrom('issuances')
    .select(['jti', 'expires_at'])
    .where('boot_id', '=', bootId)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('signing_confirmations')
            .select('signing_confirmations.batch')
            .where('signing_confirmations.boot_id', '=', bootId)
            .whereRef('signing_confirmations.batch', '=', 'issuances.batch'),
        ),
      ),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('unsigned_issuances')
            .select('unsigned_issuances.jti')
            .whereRef('unsigned_issuances.jti', '=', 'issuances.jti'),
        ),
      ),
    )
    .execute()
}

/** Marks issuances as never signed. */
export async function insertUnsigned(tx: Transaction<Tables>, jtis: readonly string[], at: Date): Promise<void> {
  for (let start = 0; start < jtis.length; start += 500) {
    const rows = jtis.slice(start, start + 500).map((jti) => ({ jti, settled_at: at.getTime() }))
    await tx
      .insertInto('unsigned_issuances')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}

/**
 * Closes an instance's account, if its heartbeat is still the one that was seen. Its row stays locked until the transaction ends, so
 * that an instance which comes back meanwhile cannot beat, and therefore not sign, before it is settled.
 */
export async function settleInstance(
  tx: Transaction<Tables>,
  { bootId, at, heartbeat }: { readonly bootId: string; readonly at: Date; readonly heartbeat?: number },
): Promise<boolean> {
  const rows = await tx
    .updateTable('instances')
    .set({ settled_at: at.getTime() })
    .where('boot_id', '=', bootId)
    .where('settled_at', 'is', null)
    .$if(heartbeat !== undefined, (query) => query.where('heartbeat_at', '=', heartbeat ?? 0))
    .returning('boot_id')
    .execute()
  return rows.length > 0
}

/** The claims behind a decision, while retention keeps them. */
export function selectClaims(db: Kysely<Tables>, eventId: string): Promise<DecisionClaimsTable | undefined> {
  return db.selectFrom('decision_claims').selectAll().where('event_id', '=', eventId).executeTakeFirst()
}

/** Removes claims older than retention, at most `limit` rows. */
export async function deleteClaimsBefore(tx: Transaction<Tables>, before: Date, limit: number): Promise<number> {
  const result = await tx
    .deleteFrom('decision_claims')
    .where('event_id', 'in', (eb) =>
      eb.selectFrom('decision_claims').select('event_id').where('at', '<', before.getTime()).limit(limit),
    )
    .executeTakeFirst()
  return Number(result.numDeletedRows)
}

/** Keeps early refusals so that they can be explained, and only the newest `keep` of them. */
export async function insertEarlyRefusals(
  tx: Transaction<Tables>,
  rows: readonly EarlyRefusalsTable[],
  keep: number,
): Promise<void> {
  if (rows.length === 0) return
  await tx
    .insertInto('early_refusals')
    .values([...rows])
    .execute()
  const oldestKept = await tx
    .selectFrom('early_refusals')
    .select('id')
    .orderBy('id', 'desc')
    .offset(keep)
    .limit(1)
    .executeTakeFirst()
  if (oldestKept) await tx.deleteFrom('early_refusals').where('id', '<=', oldestKept.id).execute()
}

/** An early refusal, while it is kept. */
export function selectEarlyRefusal(db: Kysely<Tables>, id: string): Promise<EarlyRefusalsTable | undefined> {
  return db.selectFrom('early_refusals').selectAll().where('id', '=', id).executeTakeFirst()
}
