import type { EventLog } from '../audit/index.ts'
import { newId } from '../lib/index.ts'
import type { Revocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { insertUnsigned } from './store.ts'

/** What recording an unsigned issuance needs. */
export interface UnsignedRecorderDeps {
  readonly database: Database<Tables>
  readonly eventLog: EventLog
  readonly revocations: Revocations
  readonly now: () => Date
}

/**
 * Records that a committed issuance was not signed here: marks it, revokes its jti and leaves the second event of that exchange
 * (design section 5), so that rows and signatures reconcile.
 */
export function createUnsignedRecorder(deps: UnsignedRecorderDeps): (jti: string, expiresAt: Date) => Promise<void> {
  const { database, eventLog, revocations, now } = deps
  return (jti, expiresAt) =>
    database.transaction(async (tx) => {
      const at = now()
      await insertUnsigned(tx, [jti], at)
      await revocations.append(tx, [
        {
          kind: 'jti',
          value: jti,
          upToRevision: undefined,
          reason: 'never signed',
          actor: 'system',
          expiresAt: new Date(expiresAt.getTime() + 60_000),
        },
      ])
      await eventLog.append(tx, {
        id: newId('evt', at),
        at,
        kind: 'exchange.unsigned',
        outcome: 'failed',
        actor: 'system',
        data: { jti },
      })
    })
}
