import type { ReceiptFollower, ReceiptService } from '../audit/index.ts'

/** Accepted after `exp` by a verifier whose clock is behind; the most that ours and others usually allow. */
const LEEWAY_MS = 60_000
/** An exchange that was decided before the revocation may sign this much later: its view of the log is at most 5 s old. */
const IN_FLIGHT_MS = 10_000
/** The longest life that a policy can give a token. */
const LONGEST_TTL_MS = 3_600_000
/** How long a verifier keeps a key set while it cannot get a newer one; ours do (J-08). */
const KEY_SET_KEPT_MS = 86_400_000
/** The management API refuses once its look at the log is older than 5 s; the rest is for the commit itself. */
const SERVER_REFUSES_AFTER_MS = 6_000

/** A verifier's lease as a revocation finds it. */
export interface OutstandingLease {
  readonly followerId: string
  readonly workloadId: string
  readonly serviceId: string
  readonly leaseUntil: Date
  readonly onUnavailable: string
}

/** What is known of services and of what policies have granted on them within the longest life of a token. */
export interface GrantFacts {
  readonly services: readonly { readonly id: string; readonly name: string; readonly lastKnownGood: boolean }[]
  readonly grants: readonly {
    readonly policyId: string
    readonly providerId: string
    readonly serviceId: string
    readonly ttlSeconds: number
  }[]
}

/** What bounds are computed from. Instants are the database's. */
export interface BoundsInput {
  readonly kind: string
  readonly value: string
  /** False: revoked by force, and nothing here says what was issued for it, nor where to. */
  readonly isKnown: boolean
  readonly committedAt: Date
  /** How far tokens may be dated after the commit, because the clock of whoever issued them was ahead. */
  readonly aheadMs: number
  readonly leases: readonly OutstandingLease[]
  readonly facts: GrantFacts
  /** The one token that a jti names, if its row is known. */
  readonly issuance: { readonly serviceId: string; readonly expiresAt: Date } | undefined
  /** Id of the management API as a service: this server is its verifier. */
  readonly managementId: string
}

/** Who may still accept what has been revoked, and until when. */
export interface Bounds {
  readonly followers: readonly ReceiptFollower[]
  readonly services: readonly ReceiptService[]
  readonly effectiveEverywhereAt: Date
}

/**
 * What a revocation means, service by service (design section 8): verifiers that follow refuse when their lease ends at the latest;
 * where nobody follows, or somebody goes on without a lease, when the last token that it can concern has expired. Pure.
 */
export function computeBounds(input: BoundsInput): Bounds {
  const { committedAt, leases, facts, managementId } = input
  const live = leases.filter(({ leaseUntil }) => leaseUntil >= committedAt)
  const expiries = latestExpiries(input)
  const names = new Map(facts.services.map((service) => [service.id, service]))
  // A service that nobody can hold a token for now may still be verified for: its followers are named as well.
  const concerned = knowsItsServices(input) ? [...expiries.keys()] : [...expiries.keys(), ...followed(live, input)]
  const services = [...new Set(concerned)].sort().map((id): ReceiptService => {
    const name = names.get(id)?.name ?? id
    const own = live.filter(({ serviceId }) => serviceId === id)
    const expiry = expiries.get(id)
    if (id === managementId) {
      const mayAcceptUntil = new Date(committedAt.getTime() + SERVER_REFUSES_AFTER_MS)
      return { id, name, followers: own.length, mayAcceptUntil, why: 'server' }
    }
    const leaseEnd = latest(own.map(({ leaseUntil }) => leaseUntil))
    const goesOn =
      names.get(id)?.lastKnownGood === true ||
      leases.some(({ serviceId, onUnavailable }) => serviceId === id && onUnavailable !== 'deny')
    const why = goesOn ? 'last_known_good' : own.length > 0 ? 'followers' : 'no_followers'
    const until = why === 'followers' ? leaseEnd : latest([expiry, leaseEnd])
    // What has expired already is accepted nowhere.
    const mayAcceptUntil = until !== undefined && until > committedAt ? until : undefined
    return { id, name, followers: own.length, mayAcceptUntil, why }
  })
  const ids = new Set(services.map(({ id }) => id))
  return {
    services,
    followers: live
      .filter(({ serviceId }) => ids.has(serviceId))
      .map(({ followerId: id, workloadId, serviceId: service, leaseUntil }) => ({
        ...{ id, workloadId, service, leaseUntil },
        confirmedAt: undefined,
      })),
    effectiveEverywhereAt: latest([committedAt, ...services.map((service) => service.mayAcceptUntil)]) ?? committedAt,
  }
}

/** For each service, when the last token of it that the revocation can concern is accepted by nobody any more. */
function latestExpiries(input: BoundsInput): ReadonlyMap<string, Date> {
  const { kind, value, isKnown, committedAt, aheadMs, facts, issuance } = input
  if (kind === 'jti' && issuance) {
    return new Map([[issuance.serviceId, new Date(issuance.expiresAt.getTime() + LEEWAY_MS)]])
  }
  const everywhere = (lifeMs: number, ids = facts.services.map(({ id }) => id)) => {
    const until = new Date(committedAt.getTime() + aheadMs + IN_FLIGHT_MS + lifeMs + LEEWAY_MS)
    return new Map(ids.map((id) => [id, until]))
  }
  // Whoever holds a stolen key dates what he forges as he likes, for any service: it ends where the key leaves the verifiers' caches.
  if (kind === 'signing_key') return everywhere(KEY_SET_KEPT_MS)
  // What a restored database has forgotten may have been granted by policies, and for as long, as it has forgotten too.
  if (!isKnown) return kind === 'service' ? everywhere(LONGEST_TTL_MS, [value]) : everywhere(LONGEST_TTL_MS)
  const expiries = new Map<string, Date>()
  for (const { policyId, providerId, serviceId, ttlSeconds } of facts.grants) {
    if (kind === 'policy' && policyId !== value) continue
    if (kind === 'provider' && providerId !== value) continue
    if (kind === 'service' && serviceId !== value) continue
    const until = committedAt.getTime() + aheadMs + IN_FLIGHT_MS + ttlSeconds * 1000 + LEEWAY_MS
    const known = expiries.get(serviceId)
    if (!known || known.getTime() < until) expiries.set(serviceId, new Date(until))
  }
  return expiries
}

/** Whether the services that have tokens of it are known exactly. Of a subject or a signing key nobody knows where its tokens went. */
function knowsItsServices({ kind, isKnown, issuance }: BoundsInput): boolean {
  return (kind === 'jti' && issuance !== undefined) || (isKnown && (kind === 'policy' || kind === 'provider'))
}

function followed(live: readonly OutstandingLease[], { kind, value }: BoundsInput): readonly string[] {
  return live.map(({ serviceId }) => serviceId).filter((id) => kind !== 'service' || id === value)
}

function latest(instants: readonly (Date | undefined)[]): Date | undefined {
  const known = instants.filter((instant) => instant !== undefined).map((instant) => instant.getTime())
  return known.length === 0 ? undefined : new Date(Math.max(...known))
}
