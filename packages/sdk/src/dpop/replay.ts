/** What became of a claim: `claimed` the first time; with any other answer the proof must not be accepted. */
export type ProofClaim = 'claimed' | 'replayed' | 'full' | 'forgotten'

/** Remembers which proofs have been used. */
export interface ProofMemory {
  /** Claims a key that could be presented until an instant. Both times in seconds since the epoch. */
  claim(key: string, validUntil: number, now: number): ProofClaim
}

/**
 * A {@link ProofMemory} of two generations of at most `limit` keys each; constant time per claim. It never forgets early:
 * when there is no room it answers `full`, and what it may have dropped, because the clock was set ahead and back, it
 * answers with `forgotten`.
 *
 * @param generationSeconds At least the longest time from a claim to its `validUntil`, so that in the ordinary course only
 * keys that have ended are dropped.
 */
export function createProofMemory(limit: number, generationSeconds: number): ProofMemory {
  let young = new Set<string>()
  let old = new Set<string>()
  let youngSince = Number.NEGATIVE_INFINITY
  let youngEnds = Number.NEGATIVE_INFINITY
  let oldEnds = Number.NEGATIVE_INFINITY
  let forgottenUntil = Number.NEGATIVE_INFINITY

  function turn(now: number): void {
    forgottenUntil = Math.max(forgottenUntil, oldEnds)
    old = young
    oldEnds = youngEnds
    young = new Set()
    youngEnds = Number.NEGATIVE_INFINITY
    youngSince = now
  }

  return {
    claim(key, validUntil, now) {
      if (now >= youngSince + generationSeconds) turn(now)
      if (!(validUntil > forgottenUntil)) return 'forgotten'
      if (young.has(key) || old.has(key)) return 'replayed'
      if (young.size >= limit) return 'full'
      young.add(key)
      youngEnds = Math.max(youngEnds, validUntil)
      return 'claimed'
    },
  }
}
