import { deleteExpiredRevocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database, Leader } from '../storage/index.ts'
import { deleteClaimsBefore } from './store.ts'

/** After its expiry a proof is refused anyway; the leeway of the verifier and one more minute. */
const PROOF_MARGIN_MS = 150_000
const CLAIMS_PER_TRANSACTION = 5_000
/** Each run removes at most this many times as much: more than any server decides in the minute between two runs. */
const TRANSACTIONS_PER_RUN = 60
/** Proofs live at most a day; their partitions exist before they come. */
const PARTITIONS_AHEAD_MS = 26 * 3_600_000

/** What retention needs. */
export interface RetentionDeps {
  readonly database: Database<Tables>
  readonly claimsRetentionMs: number
  readonly now: () => Date
}

/**
 * Housekeeping of what the exchange writes; the leader calls it once a minute. A clock that is wrong makes it delete too early, and
 * what was deleted counts as used and revoked from then on (decision 0007): it never makes a proof usable again or ends a revocation.
 */
export function createRetention({
  database,
  claimsRetentionMs,
  now,
}: RetentionDeps): (leader: Leader<Tables>) => Promise<void> {
  let resumed = false
  return async (leader) => {
    const at = now().getTime()
    await database.ensurePartitions('proof_claims', at + PARTITIONS_AHEAD_MS)
    await database.dropBefore('proof_claims', at - PROOF_MARGIN_MS)
    await leader.transaction((tx) => deleteExpiredRevocations(tx, new Date(at), { mayJump: !resumed }))
    resumed = true
    const before = new Date(at - claimsRetentionMs)
    for (let run = 0; run < TRANSACTIONS_PER_RUN; run += 1) {
      const removed = await leader.transaction((tx) => deleteClaimsBefore(tx, before, CLAIMS_PER_TRANSACTION))
      if (removed < CLAIMS_PER_TRANSACTION) break
    }
  }
}
