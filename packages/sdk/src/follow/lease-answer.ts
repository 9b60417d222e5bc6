import type { Revocation } from './revocation-set.ts'

/** What a service wants to happen while nobody can say what has been revoked. */
export type OnUnavailable = 'deny' | 'last-known-good'

/** A revocation with its place in the one log of the server. */
export interface LoggedRevocation extends Revocation {
  readonly revision: number
}

/** Everything that the log holds after one revision and up to another, whole revisions only. */
export interface FeedPage {
  readonly after: number
  readonly through: number
  /** Names the history that `through` belongs to. */
  readonly tag: string
  readonly head: number
  /** Revocations that expire up to here have been deleted; see `RevocationSet.dropExpired`. */
  readonly expiredUpToMs: number
  readonly entries: readonly LoggedRevocation[]
}

/** The server's answer to a request for a lease. */
export type LeaseAnswer =
  | {
      readonly outcome: 'granted'
      readonly head: number
      readonly leaseMs: number
      /** What the tokens of the service carry as `cs.svc`: the lease is for them and for no others. */
      readonly serviceId: string
      readonly onUnavailable: OnUnavailable
    }
  | { readonly outcome: 'behind'; readonly page: FeedPage }
  | { readonly outcome: 'history_changed' }
