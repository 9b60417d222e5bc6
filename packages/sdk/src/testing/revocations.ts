import { CountersignError } from '../errors.ts'
import { parseCompactJws, parseStrictJsonObject } from '../jws/index.ts'
import type { RevocationCheck, VerifiedToken } from '../verify/index.ts'

/** A revocation check that a test steers. */
export interface TestRevocations extends RevocationCheck {
  revoke(token: string): void
  setAvailable(available: boolean): void
}

/** Revocations by `jti`, in memory. As a follower does, it refuses what cannot be judged (`token_not_revocable`). */
export function createTestRevocations(): TestRevocations {
  const revoked = new Set<unknown>()
  let isAvailable = true

  function checkSync({ claims }: VerifiedToken): 'accepted' | 'revoked' {
    if (!isAvailable) throw new CountersignError('revocation_unavailable')
    if (typeof claims['jti'] !== 'string') throw new CountersignError('token_not_revocable')
    return revoked.has(claims['jti']) ? 'revoked' : 'accepted'
  }

  return {
    checkSync,
    check: async (token) => checkSync(token),
    close() {},
    revoke(token) {
      const { unverifiedPayload } = parseCompactJws(token)
      revoked.add(parseStrictJsonObject(unverifiedPayload)['jti'])
    },
    setAvailable(available) {
      isAvailable = available
    },
  }
}
