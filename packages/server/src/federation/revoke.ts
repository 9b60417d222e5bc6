import type { EventLog } from '../audit/index.ts'
import { newId } from '../lib/index.ts'
import type { Revocations } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import type { OwnToken, OwnTokens } from '../tokens/index.ts'

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
 * or is revoked already changes nothing; the caller cannot tell the difference (section 2.2). When it resolves, this instance refuses
 * the token. Calls for one token share one revocation, so that no token fills the log by being revoked again and again.
 */
export function createRevokeOwnToken(deps: RevokeOwnTokenDeps): (token: string) => Promise<void> {
  const { database, ownTokens, revocations, eventLog, now } = deps
  const underWay = new Map<string, Promise<void>>()

  async function revoke(own: OwnToken): Promise<void> {
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
    await database.revisions.refresh()
  }

  return async (token) => {
    const own = await ownTokens.verifyAnyAudience(token)
    // Looked at again: the first of several calls may have come to its end while this one was verified.
    if (!own || revocations.isRevoked(own)) return
    const running = underWay.get(own.jti) ?? revoke(own).finally(() => underWay.delete(own.jti))
    underWay.set(own.jti, running)
    await running
  }
}
