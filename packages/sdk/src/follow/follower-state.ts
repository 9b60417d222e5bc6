import { countSuspended, type Instant, type Lease, leaseHolds } from './lease.ts'
import type { FeedPage, LeaseAnswer, OnUnavailable } from './lease-answer.ts'
import type { RevocableToken } from './revocable-token.ts'
import { createRevocationSet, type Revocation, type RevocationSet } from './revocation-set.ts'

/** A request for a lease, as it was when it was sent. Its answer is applied together with it, however late. */
export interface LeaseRequest {
  readonly applied: number
  readonly tag: string
  readonly sent: Instant
  /** Counts the requests. */
  readonly sequence: number
  /** Counts the histories that the follower has been told of. */
  readonly epoch: number
}

/**
 * What an answer came to. `granted`: a lease is held. `advanced`: more of the log is applied; ask again. `reread`: the history is
 * another; ask again, from the start. `stalled`: the answer brought nothing new, e.g. from a replica that lags. `invalid`: it
 * contradicts the request. `outdated`: it came too late.
 */
export type AnswerOutcome = 'granted' | 'advanced' | 'reread' | 'stalled' | 'invalid' | 'outdated'

/** What a follower knows, to be kept over a restart. */
export interface FollowerMemory {
  readonly applied: number
  readonly tag: string
  readonly expiredUpToMs: number
  readonly entries: readonly Revocation[]
  /** The service that the lease, and `onUnavailable`, are of; undefined before the first lease. */
  readonly serviceId: string | undefined
  readonly onUnavailable: OnUnavailable
  readonly lease: Lease | undefined
}

/** A follower of the revocation log as a state machine: no clock, no timer, no network. */
export interface FollowerState {
  /** The request to send now. Clocks are read before it is sent. */
  request(at: Instant): LeaseRequest
  /** Applies the answer to a request, received at an instant. */
  answer(request: LeaseRequest, answer: LeaseAnswer, at: Instant): AnswerOutcome
  /**
   * Takes what the event stream says; returns whether any of it was new. It only adds refusals: it neither moves what counts as
   * applied nor drops anything, so a forged, cut or replayed stream can never cause an acceptance.
   */
  hasten(page: FeedPage): boolean
  /**
   * Whether a token may be judged here, as far as is known: one of another service, or of another server, may not. Its service says
   * for itself how stale an answer may be, and its receipts know nothing of this follower.
   */
  mayJudge(token: RevocableToken): boolean
  /** Whether a token is revoked, or, under a lease for its service, not. `undefined` otherwise. */
  judge(token: RevocableToken, at: Instant): 'accepted' | 'revoked' | undefined
  /** Whether a lease holds. One that was once seen to be over stays over. From time to time with `bootMs`. */
  holdsLease(at: Instant): boolean
  /** Gives the lease up. */
  endLease(): void
  /** Whether the service accepts what is not known to be revoked while nobody can say (V-20). Never before anything was applied. */
  acceptsWithoutLease(): boolean
  memory(): FollowerMemory
  readonly applied: number
  readonly lease: Lease | undefined
  readonly serviceId: string | undefined
  readonly onUnavailable: OnUnavailable
  readonly revocations: RevocationSet
}

/** A follower that knows nothing, or what it knew before a restart. */
export function createFollowerState(restored?: FollowerMemory): FollowerState {
  const revocations = createRevocationSet()
  let applied = restored?.applied ?? 0
  let tag = restored?.tag ?? ''
  let lease = restored?.lease
  let serviceId = restored?.serviceId
  let onUnavailable: OnUnavailable = restored?.onUnavailable ?? 'deny'
  let everApplied = restored !== undefined && (restored.applied > 0 || restored.lease !== undefined)
  let epoch = 0
  let sequence = 0
  let grantedSequence = 0
  if (restored !== undefined) {
    for (const entry of restored.entries) revocations.add(entry)
    revocations.dropExpired(restored.expiredUpToMs)
  }

  /** Whether nothing has moved since the request was sent. */
  const isCurrent = (request: LeaseRequest): boolean =>
    request.epoch === epoch && request.applied === applied && request.tag === tag

  function grant(request: LeaseRequest, answer: LeaseAnswer & { outcome: 'granted' }, at: Instant): AnswerOutcome {
    // The server refuses whoever has not applied its head; an answer that says otherwise is not for this request.
    if (answer.head !== request.applied) return 'invalid'
    // A lease of another history protects nothing in this one; and of two, the one that was asked for later is what the server says now.
    if (request.epoch !== epoch || request.sequence <= grantedSequence) return 'outdated'
    grantedSequence = request.sequence
    lease = { sent: request.sent, leaseMs: answer.leaseMs }
    serviceId = answer.serviceId
    onUnavailable = answer.onUnavailable
    everApplied = true
    return holdsLease(at) ? 'granted' : 'outdated'
  }

  function apply(request: LeaseRequest, page: FeedPage): AnswerOutcome {
    // A gap between what is applied and what the page begins with could hold a revocation.
    if (page.after > request.applied) return 'invalid'
    for (const entry of page.entries) revocations.add(entry)
    revocations.dropExpired(page.expiredUpToMs)
    if (!isCurrent(request)) return 'outdated'
    if (page.through <= applied) return 'stalled'
    applied = page.through
    tag = page.tag
    everApplied = true
    return 'advanced'
  }

  function reread(request: LeaseRequest): AnswerOutcome {
    if (request.epoch !== epoch) return 'outdated'
    lease = undefined
    if (!isCurrent(request)) return 'outdated'
    // What is known stays: a history that was restored from a backup may have lost revocations, which stay in force here.
    epoch++
    const wasAtStart = applied === 0 && tag === ''
    applied = 0
    tag = ''
    return wasAtStart ? 'stalled' : 'reread'
  }

  function holdsLease(at: Instant): boolean {
    if (lease === undefined) return false
    if (at.bootMs !== undefined) lease = countSuspended(lease, at)
    if (!leaseHolds(lease, at)) lease = undefined
    return lease !== undefined
  }

  return {
    request: (at) => ({ applied, tag, sent: at, sequence: ++sequence, epoch }),
    answer(request, answer, at) {
      if (answer.outcome === 'granted') return grant(request, answer, at)
      if (answer.outcome === 'behind') return apply(request, answer.page)
      return reread(request)
    },
    hasten(page) {
      let anyNew = false
      for (const entry of page.entries) anyNew = revocations.addEarly(entry) || anyNew
      return anyNew
    },
    mayJudge: (token) => serviceId === undefined || token.serviceId === serviceId,
    judge(token, at) {
      if (revocations.covers(token)) return 'revoked'
      return holdsLease(at) && token.serviceId === serviceId ? 'accepted' : undefined
    },
    holdsLease,
    endLease() {
      lease = undefined
    },
    acceptsWithoutLease: () => onUnavailable === 'last-known-good' && everApplied && serviceId !== undefined,
    memory: () => ({
      applied,
      tag,
      expiredUpToMs: revocations.expiredUpToMs,
      entries: revocations.entries(),
      serviceId,
      onUnavailable,
      lease,
    }),
    get applied() {
      return applied
    },
    get lease() {
      return lease
    },
    get serviceId() {
      return serviceId
    },
    get onUnavailable() {
      return onUnavailable
    },
    revocations,
  }
}
