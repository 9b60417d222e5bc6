import { CountersignError } from '../errors.ts'
import type { VerifiedToken } from './token-verifier.ts'

/** What is known of a verified token: nothing ends it, or something does. */
export type RevocationVerdict = 'accepted' | 'revoked'

/**
 * Says whether verified tokens have been revoked (V-20). A verifier asks it after every other check and at every use of a token, so
 * both methods are given verified tokens only.
 */
export interface RevocationCheck {
  /**
   * The verdict when it can be said now. `undefined`: ask {@link RevocationCheck.check}; it is never an acceptance.
   * @throws CountersignError `token_not_revocable` for a token that lacks what revocations go by.
   */
  checkSync(token: VerifiedToken): RevocationVerdict | undefined
  /**
   * The verdict, asked for if need be.
   * @throws CountersignError `revocation_unavailable` (retryable) when nobody can say, or `token_not_revocable`.
   */
  check(token: VerifiedToken): Promise<RevocationVerdict>
  /** Ends what runs in the background. */
  close(): Promise<void> | void
}

/**
 * Lets exactly the verdict `accepted` pass, so that whatever else a check answers is a refusal.
 * @throws CountersignError `token_revoked`.
 */
export function requireAccepted(verdict: RevocationVerdict): void {
  if (verdict !== 'accepted') throw new CountersignError('token_revoked')
}
