import type { EventLog } from '../audit/index.ts'
import { newId } from '../lib/index.ts'
import type { Revocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import type { OwnTokens } from '../tokens/index.ts'

const LEEWAY_MS = 60_000

/** What revoking one's own token needs. */
export interface RevokeOwnTokenDeps {
  readonly database: Database<Tables>
  readonly ownTokens: OwnTokens
  readonly revocations: Revocations
  readonly eventLog: EventLog
  readonly now: () => Date
}

/**
 * RFC 7009 for the holder: whoever presents a current token of ours ends it, by jti, finally. A token that is not ours, has expired
 * or is revoked already changes nothing; the caller cannot tell the difference (section 2.2).
 */
export function createRevokeOwnToken(deps: RevokeOwnTokenDeps): (token: string) => Promise<void> {
  const { database, ownTokens, revocations, eventLog, now } = deps
  return async (token) => {
    const own = await ownTokens.verifyAnyAudience(token)
    if (!own) return
    await database.transaction(async (tx) => {
      const at = now()
      await revocations.append(tx, [
        {
          kind: 'jti',
          value: own.jti,
          upToRevision: undefined,
          reason: 'revoked by its holder',
          actor: `workload:${own.workloadIds[0] ?? ''}`,
          expiresAt: new Date(own.expiresAt.getTime() + LEEWAY_MS),
        },
      ])
      await eventLog.append(tx, {
        id: newId('evt', at),
        at,
        kind: 'token.revoked',
        outcome: 'done',
        actor: `workload:${own.workloadIds[0] ?? ''}`,
        ...(own.workloadIds[0] ? { workloadId: own.workloadIds[0] } : {}),
        data: { jti: own.jti, by: 'holder' },
      })
    })
  }
}
