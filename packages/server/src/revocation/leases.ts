import type { Transaction } from 'kysely'
import type { EventLog } from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import { newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database, Leader, RevisionHead } from '../storage/index.ts'
import type { Feed } from './feed.ts'
import {
  countLiveLeases,
  deleteLeasesBefore,
  endLease,
  type LeaseGrant,
  selectLive,
  upsertLeases,
} from './lease-store.ts'
import type { FeedPage } from './types.ts'

const REQUESTS_PER_TRANSACTION = 256
/** Verifiers of one workload that may hold a lease at the same time. */
const MAX_PER_WORKLOAD = 4_096
/** Longer than any receipt waits for a follower. */
const KEPT_MS = 86_400_000

/** What a service says of its verifiers. */
export interface VerifiedService {
  readonly id: string
  readonly name: string
  readonly verification: { readonly maxStaleSeconds: number; readonly onUnavailable: 'deny' | 'last-known-good' }
}

/** What leases are granted over. */
export interface LeasesDeps {
  readonly database: Database<Tables>
  readonly eventLog: Pick<EventLog, 'append'>
  readonly feed: Feed
}

/** Tokens that a verifier accepted while it held no lease, because its service says `last-known-good`. */
export interface AcceptedWithoutLease {
  readonly count: number
  readonly firstAt: Date
  readonly lastAt: Date
}

/** A verifier asks whether it may go on answering from what it has applied. */
export interface LeaseRequest {
  readonly workloadId: string
  /** Random, one per process and service. */
  readonly instance: string
  readonly service: VerifiedService
  readonly applied: number
  /** Of the history that the verifier has applied. */
  readonly tag: string
  readonly acceptedWithoutLease: AcceptedWithoutLease | undefined
}

/** May it? `behind`: apply this page and ask again. `history_changed`: read the feed again from the beginning, dropping nothing. */
export type LeaseAnswer =
  | {
      readonly granted: true
      readonly head: number
      readonly maxStaleSeconds: number
      readonly onUnavailable: 'deny' | 'last-known-good'
    }
  | { readonly granted: false; readonly reason: 'behind'; readonly feed: FeedPage }
  | { readonly granted: false; readonly reason: 'history_changed' }

/** Leases of verifiers (design section 8). */
export interface Leases {
  /**
   * Decides under the revision lock: a lease that is granted is seen by every revocation that its holder has not applied.
   * @throws ServiceError conflict for an instance that holds a lease for another service, too_many_verifiers
   */
  grant(request: LeaseRequest): Promise<LeaseAnswer>
  /** Ends a lease early. One that does not exist has ended. */
  end(holder: { readonly workloadId: string; readonly instance: string }): Promise<void>
  /** Removes leases that ended a day ago. Call it as the leader. */
  purge(leader: Leader<Tables>): Promise<number>
}

/** How a follower is named: a workload's verifier processes follow apart from each other. */
export function followerId(workloadId: string, instance: string): string {
  return `${workloadId}/${instance}`
}

type Outcome = 'granted' | 'taken' | 'too_many' | { readonly notAt: RevisionHead }

interface Waiting {
  readonly request: LeaseRequest
  resolve(outcome: Outcome): void
  reject(error: unknown): void
}

/** Creates leases. Requests that wait share one transaction; the next one starts when the commit before it has returned. */
export function createLeases({ database, eventLog, feed }: LeasesDeps): Leases {
  let waiting: Waiting[] = []
  let running = false

  async function work(): Promise<void> {
    running = true
    while (waiting.length > 0) {
      const batch = waiting.slice(0, REQUESTS_PER_TRANSACTION)
      waiting = waiting.slice(REQUESTS_PER_TRANSACTION)
      try {
        const outcomes = await database.transaction((tx) => decide(tx, batch))
        // Only now: an answer before the commit would be a lease that no revocation sees.
        for (const [index, entry] of batch.entries()) entry.resolve(outcomes[index] ?? 'taken')
      } catch (error) {
        for (const entry of batch) entry.reject(error)
      }
    }
    running = false
  }

  async function decide(tx: Transaction<Tables>, batch: readonly Waiting[]): Promise<readonly Outcome[]> {
    // First of all: from here to the commit the head stays what it is, and a revocation waits.
    const head = await database.revisions.holdHead(tx)
    const at = await database.time(tx)
    const requests = batch.map(({ request }) => request)
    for (const request of requests) await recordAccepted(tx, request, at)
    const atHead = requests.filter((request) => isAtHead(request, head))
    const tooMany = await overLimit(tx, atHead, at)
    // One row per follower, the last request of each: two cannot be written by one statement.
    const grants = new Map(
      atHead.map((request) => [idOf(request), toGrant(request, at)] as const).filter(([id]) => !tooMany.has(id)),
    )
    const stored = await upsertLeases(tx, [...grants.values()])
    return requests.map((request) => {
      if (!isAtHead(request, head)) return { notAt: head }
      const id = idOf(request)
      if (tooMany.has(id)) return 'too_many'
      return stored.has(id) && grants.get(id)?.serviceId === request.service.id ? 'granted' : 'taken'
    })
  }

  /** New followers of workloads that have as many as they may. Whoever holds a lease keeps it. */
  async function overLimit(tx: Transaction<Tables>, requests: readonly LeaseRequest[], at: Date) {
    const refused = new Set<string>()
    if (requests.length === 0) return refused
    const live = await selectLive(tx, { followerIds: requests.map(idOf), at })
    const fresh = new Map(
      requests.map((request) => [idOf(request), request.workloadId] as const).filter(([id]) => !live.has(id)),
    )
    if (fresh.size === 0) return refused
    const counts = new Map(await countLiveLeases(tx, { workloadIds: [...new Set(fresh.values())], at }))
    for (const [id, workloadId] of fresh) {
      const count = counts.get(workloadId) ?? 0
      if (count >= MAX_PER_WORKLOAD) refused.add(id)
      else counts.set(workloadId, count + 1)
    }
    return refused
  }

  async function recordAccepted(tx: Transaction<Tables>, request: LeaseRequest, at: Date): Promise<void> {
    const { acceptedWithoutLease: accepted, workloadId, instance, service } = request
    if (accepted === undefined) return
    await eventLog.append(tx, {
      id: newId('evt', at),
      at,
      kind: 'verifier.accepted_without_lease',
      outcome: 'allowed',
      actor: `workload:${workloadId}`,
      workloadId,
      data: {
        follower: followerId(workloadId, instance),
        service: service.id,
        count: accepted.count,
        first_at: accepted.firstAt.toISOString(),
        last_at: accepted.lastAt.toISOString(),
      },
    })
  }

  return {
    async grant(request) {
      const outcome = await new Promise<Outcome>((resolve, reject) => {
        waiting.push({ request, resolve, reject })
        if (!running) void work()
      })
      const { maxStaleSeconds, onUnavailable } = request.service.verification
      if (outcome === 'granted') return { granted: true, head: request.applied, maxStaleSeconds, onUnavailable }
      if (outcome === 'too_many') throw new ServiceError('too_many_verifiers')
      if (outcome === 'taken') {
        throw new ServiceError('conflict', { detail: 'this instance holds a lease for another service' })
      }
      // The number may be of another history: a restored database that has gone on has other rows under the same numbers.
      const isKnown = request.applied < outcome.notAt.revision && (await isOfThisHistory(request))
      if (!isKnown) return { granted: false, reason: 'history_changed' }
      return {
        granted: false,
        reason: 'behind',
        feed: await feed.page({ after: request.applied, atLeast: outcome.notAt.revision }),
      }
    },
    end: ({ workloadId, instance }) =>
      database.transaction(async (tx) => endLease(tx, followerId(workloadId, instance), await database.time(tx))),
    purge: (leader) =>
      leader.transaction(async (tx) => {
        const at = await database.time(tx)
        return deleteLeasesBefore(tx, new Date(at.getTime() - KEPT_MS))
      }),
  }

  async function isOfThisHistory({ applied, tag }: LeaseRequest): Promise<boolean> {
    return (await database.revisions.tagOf(applied)) === tag
  }
}

function idOf({ workloadId, instance }: LeaseRequest): string {
  return followerId(workloadId, instance)
}

function isAtHead({ applied, tag }: LeaseRequest, head: RevisionHead): boolean {
  return applied === head.revision && tag === head.tag
}

function toGrant({ workloadId, instance, service, applied }: LeaseRequest, at: Date): LeaseGrant {
  const { maxStaleSeconds, onUnavailable } = service.verification
  return {
    followerId: followerId(workloadId, instance),
    workloadId,
    instance,
    serviceId: service.id,
    applied,
    grantedAt: at,
    leaseUntil: new Date(at.getTime() + maxStaleSeconds * 1000),
    onUnavailable,
  }
}
