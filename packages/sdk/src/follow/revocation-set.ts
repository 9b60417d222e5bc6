import type { RevocableToken } from './revocable-token.ts'

/** What can be revoked. `jti` and `signing_key` are final; `issued_before` is everything that was issued before an instant. */
export const REVOCATION_KINDS = [
  'jti',
  'subject',
  'workload',
  'policy',
  'provider',
  'service',
  'signing_key',
  'issued_before',
] as const

/** One of {@link REVOCATION_KINDS}. */
export type RevocationKind = (typeof REVOCATION_KINDS)[number]

/** One revoked value. */
export interface Revocation {
  readonly kind: RevocationKind
  readonly value: string
  /** Tokens decided on up to this revision end; null for the final kinds. */
  readonly upToRevision: number | null
  /** For `issued_before`: tokens whose `iat` is before it end. Null for the other kinds. */
  readonly issuedBeforeMs: number | null
  /** When every token that it can concern has expired. */
  readonly expiresAtMs: number
}

interface Mark {
  /** Infinity: final. -1: by the instant alone. */
  upToRevision: number
  issuedBeforeMs: number
  expiresAtMs: number
  /** Known from the event stream alone: the feed has not said it yet. */
  early: boolean
}

/** The revocations that are known here. It only ever grows stricter. */
export interface RevocationSet {
  /** Adds what the feed says. Adding twice, or in any order, comes to the same. */
  add(revocation: Revocation): void
  /**
   * Adds what the event stream says, ahead of the feed; returns whether it was new. Entries that the feed never confirms are bounded
   * in number: beyond that nothing is added, since the stream only hastens.
   */
  addEarly(revocation: Revocation): boolean
  /**
   * Forgets revocations that concern no token which expires later than this, and counts every token that expires by then as revoked:
   * nobody knows any more whether it was. Never by a clock, which can be set back.
   */
  dropExpired(upToMs: number): void
  /** Whether anything known ends the token; the strictest wins (T23). */
  covers(token: RevocableToken): boolean
  /** Everything known, merged per value. */
  entries(): Revocation[]
  readonly expiredUpToMs: number
  readonly size: number
}

/** Most entries that are kept on the word of the event stream alone. */
export const MAX_EARLY_ENTRIES = 10_000

/** An empty set. Memory: one entry per revoked value. */
export function createRevocationSet(): RevocationSet {
  const marks = Object.fromEntries(REVOCATION_KINDS.map((kind) => [kind, new Map<string, Mark>()])) as Record<
    RevocationKind,
    Map<string, Mark>
  >
  const { jti, subject, workload, policy, provider, service, signing_key: signingKey } = marks
  const issuedBefore = marks.issued_before
  let expiredUpToMs = 0
  let earlyCount = 0

  function merge(revocation: Revocation, early: boolean): boolean {
    const { kind, value } = revocation
    // Whatever it concerns counts as revoked already.
    if (revocation.expiresAtMs <= expiredUpToMs) return false
    const next: Mark = {
      upToRevision: upToRevisionOf(revocation),
      issuedBeforeMs: revocation.issuedBeforeMs ?? Number.NEGATIVE_INFINITY,
      expiresAtMs: revocation.expiresAtMs,
      early,
    }
    const known = marks[kind].get(value)
    if (known === undefined) {
      if (early && earlyCount >= MAX_EARLY_ENTRIES) return false
      if (early) earlyCount++
      marks[kind].set(value, next)
      return true
    }
    const stricter =
      next.upToRevision > known.upToRevision ||
      next.issuedBeforeMs > known.issuedBeforeMs ||
      next.expiresAtMs > known.expiresAtMs
    known.upToRevision = Math.max(known.upToRevision, next.upToRevision)
    known.issuedBeforeMs = Math.max(known.issuedBeforeMs, next.issuedBeforeMs)
    known.expiresAtMs = Math.max(known.expiresAtMs, next.expiresAtMs)
    if (known.early && !early) {
      known.early = false
      earlyCount--
    }
    return stricter
  }

  const ended = (map: Map<string, Mark>, value: string, revision: number): boolean =>
    (map.get(value)?.upToRevision ?? -1) >= revision
  const anyEnded = (map: Map<string, Mark>, values: readonly string[], revision: number): boolean => {
    if (map.size === 0) return false
    for (const value of values) if (ended(map, value, revision)) return true
    return false
  }

  return {
    add: (revocation) => void merge(revocation, false),
    addEarly: (revocation) => merge(revocation, true),
    dropExpired(upToMs) {
      if (!(upToMs > expiredUpToMs)) return
      expiredUpToMs = upToMs
      for (const kind of REVOCATION_KINDS) {
        for (const [value, mark] of marks[kind]) {
          if (mark.expiresAtMs > upToMs) continue
          marks[kind].delete(value)
          if (mark.early) earlyCount--
        }
      }
    },
    covers(token) {
      const { revision } = token
      // Not negated: an expiry that is no number is refused.
      if (!(token.expiresAtMs > expiredUpToMs)) return true
      if (anyEnded(jti, token.tokenIds, revision) || anyEnded(signingKey, token.keyIds, revision)) return true
      if (anyEnded(subject, token.subjects, revision) || anyEnded(workload, token.workloadIds, revision)) return true
      if (ended(policy, token.policyId, revision) || ended(service, token.serviceId, revision)) return true
      if (anyEnded(provider, token.providerIds, revision)) return true
      for (const mark of issuedBefore.values()) {
        if (token.issuedAtMs < mark.issuedBeforeMs || mark.upToRevision >= revision) return true
      }
      return false
    },
    entries() {
      return REVOCATION_KINDS.flatMap((kind) =>
        [...marks[kind]].map(([value, mark]) => ({
          kind,
          value,
          upToRevision:
            mark.upToRevision === Number.POSITIVE_INFINITY || mark.upToRevision < 0 ? null : mark.upToRevision,
          issuedBeforeMs: kind === 'issued_before' ? mark.issuedBeforeMs : null,
          expiresAtMs: mark.expiresAtMs,
        })),
      )
    },
    get expiredUpToMs() {
      return expiredUpToMs
    },
    get size() {
      return REVOCATION_KINDS.reduce((sum, kind) => sum + marks[kind].size, 0)
    },
  }
}

function upToRevisionOf({ kind, upToRevision }: Revocation): number {
  // A token id or a signing key never comes back, whatever revision an entry names.
  if (kind === 'jti' || kind === 'signing_key') return Number.POSITIVE_INFINITY
  if (kind === 'issued_before') return upToRevision ?? -1
  return upToRevision ?? Number.POSITIVE_INFINITY
}
