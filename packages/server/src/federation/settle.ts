import type { EventLog } from '../audit/index.ts'
import { newId } from '../lib/index.ts'
import type { RevocationRequest, Revocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database, Leader } from '../storage/index.ts'
import { insertUnsigned, selectUnconfirmed, selectUnsettled, settleInstance } from './store.ts'

/** Longer than an instance may sign after its last heartbeat, with room for a slow commit. */
const LAPSED_AFTER_MS = 30_000

/** What settlement needs. */
export interface SettlementDeps {
  readonly database: Database<Tables>
  readonly eventLog: EventLog
  readonly revocations: Revocations
  readonly now: () => Date
  readonly monotonicMs: () => number
  /** Default 30 s; tests shorten it. */
  readonly lapsedAfterMs?: number
}

/** Reconciles signatures with rows for instances that are gone. */
export interface Settlement {
  /** Looks at every open instance; settles those whose heartbeat has not moved for the lapse, as the leader. Call it every few seconds. */
  run(leader: Leader<Tables>): Promise<number>
}

/**
 * An instance that died between commit and signature has committed issuances without a token. The leader watches heartbeats change
 * (not their age: the clocks of two replicas differ), and once one has lapsed marks its unconfirmed issuances unsigned and revokes
 * their jti, so that signatures and rows reconcile also after kill -9 (G-06, design section 9).
 */
export function createSettlement(deps: SettlementDeps): Settlement {
  const { database, eventLog, revocations, now, monotonicMs, lapsedAfterMs = LAPSED_AFTER_MS } = deps
  const seen = new Map<string, { heartbeat: number; sinceMs: number }>()
  let lastRunMs = Number.NEGATIVE_INFINITY

  async function settle(leader: Leader<Tables>, bootId: string, heartbeat: number): Promise<boolean> {
    return leader.transaction(async (tx) => {
      const at = now()
      // First, and under the lock of its row: one that beats again before this is not dead.
      if (!(await settleInstance(tx, { bootId, at, heartbeat }))) return false
      const unconfirmed = await selectUnconfirmed(tx, bootId)
      const jtis = unconfirmed.map((issuance) => issuance.jti)
      await insertUnsigned(tx, jtis, at)
      if (unconfirmed.length > 0) {
        await revocations.append(
          tx,
          unconfirmed.map(
            (issuance): RevocationRequest => ({
              kind: 'jti',
              value: issuance.jti,
              upToRevision: undefined,
              reason: 'never signed',
              actor: 'system',
              expiresAt: new Date(issuance.expires_at + 60_000),
            }),
          ),
        )
      }
      await eventLog.append(tx, {
        id: newId('evt', at),
        at,
        kind: 'instance.settled',
        outcome: 'done',
        actor: 'system',
        data: { boot_id: bootId, unsigned: jtis.length },
      })
      return true
    })
  }

  return {
    async run(leader) {
      let settled = 0
      const nowMs = monotonicMs()
      // A leader that was paused has watched nobody, itself included: the watch begins anew.
      if (nowMs - lastRunMs > lapsedAfterMs / 2) seen.clear()
      lastRunMs = nowMs
      const open = await selectUnsettled(database.read)
      for (const { boot_id: bootId, heartbeat_at: heartbeat } of open) {
        const before = seen.get(bootId)
        if (before === undefined || before.heartbeat !== heartbeat) {
          seen.set(bootId, { heartbeat, sinceMs: monotonicMs() })
          continue
        }
        if (monotonicMs() - before.sinceMs < lapsedAfterMs) continue
        seen.delete(bootId)
        if (await settle(leader, bootId, heartbeat)) settled += 1
      }
      return settled
    },
  }
}
