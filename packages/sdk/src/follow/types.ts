import type { CredentialClient } from '../credentials/index.ts'
import type { CountersignError } from '../errors.ts'
import type { RevocationCheck } from '../verify/index.ts'
import type { OnUnavailable } from './lease-answer.ts'

/** Options of `createFollower`. */
export interface FollowerOptions {
  /** The server's issuer URL: https, or http on loopback. */
  readonly server: string
  /** The name of the service whose tokens are verified here. It says how long a lease is, and what happens without one. */
  readonly service: string
  /** Tokens for the management audience with the scope `verify:SERVICE`; a client made by `createCredentialClient`, without `dpop`. */
  readonly credentials: Pick<CredentialClient, 'token'>
  /**
   * Where to keep what is known, so that a process that is closed and started again goes on with the rest of its lease, also while
   * the server is down. One file per process; it must not be writable by others. Not kept when not given.
   */
  readonly snapshotFile?: string
  /** Refuses tokens without a lease, also where the service says `last-known-good`. */
  readonly onUnavailable?: 'deny'
  /** `false`: no event stream; a revocation is then applied with the next renewal, a third of the lease later. */
  readonly stream?: boolean
  /** Called with what an operator should know; see {@link FollowerEvent}. */
  readonly onEvent?: (event: FollowerEvent) => void
  /** For one request and its whole answer, and for a verification that waits for a lease: 2,000 when not given. */
  readonly timeoutMs?: number
  /** Used in place of the global one. */
  readonly fetch?: typeof fetch
  /** The wall clock; the system's when not given. */
  readonly now?: () => Date
  /** A clock in milliseconds that is never set; the system's when not given. */
  readonly monotonicMs?: () => number
}

/** What happened to a follower. None of it holds a token. */
export type FollowerEvent =
  /** A lease is held, for the first time or again. */
  | { readonly type: 'lease_gained'; readonly applied: number }
  /** No lease is held any more: the server is asked per verification now, and `onUnavailable` decides when it does not answer. */
  | { readonly type: 'lease_lost' }
  /** A lease was asked for in vain; it is tried again. `status` is the server's answer, when there was one. */
  | { readonly type: 'renewal_failed'; readonly error: CountersignError; readonly status?: number }
  /** The server's log is another one, as after a database was restored: all of it is read, and nothing known is dropped. */
  | { readonly type: 'history_changed' }
  | { readonly type: 'stream_opened' }
  /** The event stream ended or was refused, and is opened again. Leases go on without it. */
  | { readonly type: 'stream_closed'; readonly error?: CountersignError; readonly status?: number }
  /** A token was accepted without a lease, because the service says `last-known-good`; the server is told with the next lease. */
  | { readonly type: 'accepted_without_lease'; readonly tokenId: string }
  /** The snapshot could not be read, used or written. Nothing else depends on it. */
  | { readonly type: 'snapshot_failed'; readonly reason: string }

/** What a follower knows at a moment. */
export interface FollowerStatus {
  /** Names this process at the server: the follower is `WORKLOAD_ID/INSTANCE`. */
  readonly instance: string
  /** The revision up to which the log has been applied. */
  readonly applied: number
  readonly holdsLease: boolean
  /** When the lease ends by the wall clock, if it is not renewed; undefined without one. */
  readonly leaseEndsAt: Date | undefined
  /** What happens without a lease. */
  readonly onUnavailable: OnUnavailable
  /** Revoked values that are known. */
  readonly revocations: number
  /** Whether the event stream is open. */
  readonly streaming: boolean
  /** Tokens accepted without a lease since the start. */
  readonly acceptedWithoutLease: number
}

/** Follows the revocations of a server, for verifiers in this process (design section 8). */
export interface Follower extends RevocationCheck {
  /**
   * Resolves once a lease is held.
   * @throws CountersignError `revocation_unavailable` when there is none in time (10 s when not given), or the follower is closed
   */
  ready(options?: { readonly timeoutMs?: number }): Promise<void>
  state(): FollowerStatus
  /**
   * Ends the lease: with a snapshot file it is left to the next process, otherwise the server is told, for at most a second. Tokens are
   * refused from then on. Never rejects.
   */
  close(): Promise<void>
}
