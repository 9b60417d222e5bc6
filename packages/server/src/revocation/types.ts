/**
 * What can be revoked. A jti or a signing key is final; the others end what was issued up to a revision; `issued_before` ends
 * everything of the installation that was issued before an instant.
 */
export type RevocationKind =
  | 'jti'
  | 'subject'
  | 'workload'
  | 'policy'
  | 'provider'
  | 'service'
  | 'signing_key'
  | 'issued_before'

/** A revocation to record. */
export interface RevocationRequest {
  readonly kind: RevocationKind
  readonly value: string
  /**
   * Tokens decided on up to this revision are refused; undefined: whatever their revision, as for jti and signing_key, and for what
   * is revoked by force although nothing here knows it.
   */
  readonly upToRevision: number | undefined
  /**
   * Kind issued_before only: tokens with an earlier `iat` are refused, and so are those decided on up to `upToRevision`, if it is
   * given: a revision does not depend on the clock of whoever issued.
   */
  readonly issuedBefore?: Date | undefined
  readonly reason: string
  readonly actor: string
  /** When the last token that this can concern expires, by the clock that is now; the row may be purged afterwards. */
  readonly expiresAt: Date
}

/** What of a verified token decides whether it is revoked. */
export interface RevocableToken {
  readonly jti: string
  readonly kid: string
  readonly subject: string
  readonly workloadIds: readonly string[]
  readonly policyId: string
  readonly providerIds: readonly string[]
  readonly serviceId: string | undefined
  /** `cs.rev`: the revision that the token's decision was made on. */
  readonly revision: number
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** A revocation as verifiers get it. Neither reason nor actor: those are for people. */
export interface RevocationEntry {
  readonly revision: number
  /** A {@link RevocationKind}, or one that a newer version knows: whoever does not know it refuses what it may concern. */
  readonly kind: string
  readonly value: string
  readonly upToRevision: number | undefined
  readonly issuedBefore: Date | undefined
  readonly at: Date
  /** When it may be deleted: `expiredUpTo` of the feed refuses then what it refused. */
  readonly expiresAt: Date
}

/** A part of the feed: every entry with `after` < revision <= `through`, in order, whole revisions only. */
export interface FeedPage {
  readonly after: number
  readonly through: number
  /** Names the history at `through`. */
  readonly tag: string
  readonly head: number
  /** Entries that expire up to here have been deleted: a token that expires by then is revoked, whatever else is known of it. */
  readonly expiredUpTo: Date
  readonly entries: readonly RevocationEntry[]
  /** Whether there is more up to `head`; without it `through` is the head. */
  readonly more: boolean
}
