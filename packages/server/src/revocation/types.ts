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
  /** Tokens decided on up to this revision are refused; undefined for jti and signing_key, which are refused for ever. */
  readonly upToRevision: number | undefined
  /** Kind issued_before only: tokens with an earlier `iat` are refused, and so are those decided on up to `upToRevision`. */
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
  readonly expiresAt: Date
}
