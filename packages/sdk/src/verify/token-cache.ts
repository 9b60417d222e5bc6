import { hash } from 'node:crypto'
import { createBoundedMap } from '../bounded-map.ts'
import { deepFreeze, MAX_TOKEN_BYTES } from '../jws/index.ts'
import type { VerifiedToken } from './token-verifier.ts'

/** Remembers accepted tokens. It says nothing about the present: times and keys are checked again at each use. */
export interface TokenCache {
  recall(token: string): VerifiedToken | undefined
  /** Stores and returns the token, frozen, since later callers share it. */
  remember(token: string, verified: VerifiedToken): VerifiedToken
}

/**
 * A {@link TokenCache} keyed by the token's SHA-256. The tokens themselves are not kept, and no bearer string is
 * compared in variable time.
 */
export function createTokenCache(entries: number): TokenCache {
  const accepted = createBoundedMap<VerifiedToken>(entries)
  return {
    recall(token) {
      // Before hashing: whatever else a stranger sends is not worth it.
      if (typeof token !== 'string' || token.length > MAX_TOKEN_BYTES) return undefined
      return accepted.get(keyOf(token))
    },
    remember(token, verified) {
      const frozen = deepFreeze({ ...verified })
      accepted.set(keyOf(token), frozen)
      return frozen
    },
  }
}

// Strings are hashed as UTF-8, so this is injective; only tokens that have passed the parser are stored.
function keyOf(token: string): string {
  return hash('sha256', token, 'binary')
}
