import type { Kysely, Transaction } from 'kysely'
import type { Tables, VerifierLeasesTable } from '../schema/index.ts'

/** A lease as it is granted; instants are the database's. */
export interface LeaseGrant {
  readonly followerId: string
  readonly workloadId: string
  readonly instance: string
  readonly serviceId: string
  readonly applied: number
  readonly grantedAt: Date
  readonly leaseUntil: Date
  readonly onUnavailable: 'deny' | 'last-known-good'
}

/**
 * Stores leases, in the order of the followers' ids so that two replicas never wait for each other in a circle, and returns the
 * followers that got theirs. One that holds a live lease for another service does not: its old lease would be lost to revocations.
 * A lease that is still out is never shortened: its follower may not have heard of the new one.
 */
export async function upsertLeases(
  tx: Transaction<Tables>,
  grants: readonly LeaseGrant[],
): Promise<ReadonlySet<string>> {
  const rows = grants
    .toSorted((one, other) => (one.followerId < other.followerId ? -1 : 1))
    .map(
      (grant): VerifierLeasesTable => ({
        follower_id: grant.followerId,
        workload_id: grant.workloadId,
        instance: grant.instance,
        service_id: grant.serviceId,
        applied: grant.applied,
        applied_at: grant.grantedAt.getTime(),
        granted_at: grant.grantedAt.getTime(),
        lease_until: grant.leaseUntil.getTime(),
        on_unavailable: grant.onUnavailable,
        ended_at: null,
      }),
    )
  if (rows.length === 0) return new Set()
  const stored = await tx
    .insertInto('verifier_leases')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .column('follower_id')
        .doUpdateSet(({ case: when, ref }) => ({
          service_id: ref('excluded.service_id'),
          applied: ref('excluded.applied'),
          applied_at: when()
            .whenRef('verifier_leases.applied', '=', 'excluded.applied')
            .thenRef('verifier_leases.applied_at')
            .else(ref('excluded.applied_at'))
            .end(),
          granted_at: ref('excluded.granted_at'),
          lease_until: when()
            .whenRef('verifier_leases.lease_until', '>', 'excluded.lease_until')
            .thenRef('verifier_leases.lease_until')
            .else(ref('excluded.lease_until'))
            .end(),
          on_unavailable: ref('excluded.on_unavailable'),
          ended_at: null,
        }))
        .where(({ or, eb, ref }) =>
          or([
            eb('verifier_leases.service_id', '=', ref('excluded.service_id')),
            eb('verifier_leases.lease_until', '<', ref('excluded.granted_at')),
            eb('verifier_leases.ended_at', 'is not', null),
          ]),
        ),
    )
    .returning('follower_id')
    .execute()
  return new Set(stored.map((row) => row.follower_id))
}

/** Ends a lease at the word of its holder. */
export async function endLease(tx: Transaction<Tables>, followerId: string, at: Date): Promise<void> {
  await tx
    .updateTable('verifier_leases')
    .set({ ended_at: at.getTime() })
    .where('follower_id', '=', followerId)
    .where('ended_at', 'is', null)
    .execute()
}

/**
 * Leases that may still be answered from at this time, and those of followers that have been told to go on without one. Read under
 * the exclusive revision lock nobody is missing.
 */
export function selectOutstandingLeases(db: Kysely<Tables>, at: Date): Promise<VerifierLeasesTable[]> {
  return db
    .selectFrom('verifier_leases')
    .selectAll()
    .where('ended_at', 'is', null)
    .where(({ or, eb }) => or([eb('lease_until', '>=', at.getTime()), eb('on_unavailable', '=', 'last-known-good')]))
    .orderBy('follower_id')
    .execute()
}

/** How many live leases each of these workloads holds. */
export async function countLiveLeases(
  tx: Transaction<Tables>,
  { workloadIds, at }: { readonly workloadIds: readonly string[]; readonly at: Date },
): Promise<ReadonlyMap<string, number>> {
  const rows = await tx
    .selectFrom('verifier_leases')
    .select(({ fn }) => ['workload_id', fn.countAll().as('count')])
    .where('lease_until', '>=', at.getTime())
    .where('ended_at', 'is', null)
    .where('workload_id', 'in', workloadIds)
    .groupBy('workload_id')
    .execute()
  return new Map(rows.map((row) => [row.workload_id, Number(row.count)]))
}

/** Which of these followers hold a live lease. */
export async function selectLive(
  tx: Transaction<Tables>,
  { followerIds, at }: { readonly followerIds: readonly string[]; readonly at: Date },
): Promise<ReadonlySet<string>> {
  const rows = await tx
    .selectFrom('verifier_leases')
    .select('follower_id')
    .where('follower_id', 'in', followerIds)
    .where('lease_until', '>=', at.getTime())
    .where('ended_at', 'is', null)
    .execute()
  return new Set(rows.map((row) => row.follower_id))
}

/** Removes leases that ended before an instant. */
export async function deleteLeasesBefore(tx: Transaction<Tables>, before: Date): Promise<number> {
  const result = await tx.deleteFrom('verifier_leases').where('lease_until', '<', before.getTime()).executeTakeFirst()
  return Number(result.numDeletedRows)
}
