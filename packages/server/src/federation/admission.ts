const MAX_NAMES = 65_536

/** How many exchanges each name may start per second. */
export interface RateLimits {
  readonly perAddressPerSecond: number
  readonly perProviderPerSecond: number
  readonly perWorkloadPerSecond: number
}

/** Kinds of names that are limited apart from each other (S-13). */
export type RateLimitedName = 'address' | 'provider' | 'workload'

/** Admission to the exchange: cheap refusals before expensive work, in bounded memory. */
export interface Admission {
  /** Takes one token of the name's bucket; false when it is empty. Buckets hold one second's worth. */
  take(kind: RateLimitedName, name: string): boolean
  /**
   * Whether a proof from this address may have the provider's signature work; asked before `take('provider', ...)`. False only while the
   * provider is sent refused proofs at more than a tenth of its rate, and only for sources of more than 3 of them in the last minute: then
   * garbage from many addresses leaves the rate to those who have proofs, and one misconfigured workload behind a shared address locks
   * out nobody.
   */
  mayTry(providerId: string, address: string | undefined): boolean
  /** Counts a proof that all of these providers refused, for them and for its source. */
  refused(providerIds: readonly string[], address: string | undefined): void
  /**
   * Whether a caller from this address may have the token that it authenticates with verified. False for addresses that have sent more
   * than {@link REFUSED_CALLERS} refused ones in a burst, or one in each {@link REFUSED_CALLER_EVERY_S} s since.
   */
  mayAuthenticate(address: string | undefined): boolean
  /** Counts a caller whose token was refused. */
  callerRefused(address: string | undefined): void
  /** Whether this proof has been denied more than 10 times in the last minute; asked before any signature work. */
  isBlocked(proofDigest: () => string): boolean
  /** Counts a denial of a proof that had verified. */
  denied(proofDigest: string): void
}

const DENIALS_PER_MINUTE = 10
const SOURCE_REFUSALS_PER_MINUTE = 3
const REFUSED_SHARE = 0.1
const REFUSED_CALLERS = 50
const REFUSED_CALLER_EVERY_S = 0.2

interface Bucket {
  tokens: number
  atMs: number
}

/** How many tokens a bucket holds, and how many it gets in a second. */
interface BucketSize {
  readonly capacity: number
  readonly perSecond: number
}

/** Buckets by name and denial counts by proof. When the memory bound is reached the oldest half is forgotten, in favour of the caller. */
export function createAdmission(limits: RateLimits, monotonicMs: () => number): Admission {
  const oneSecond = (perSecond: number): BucketSize => ({ capacity: perSecond, perSecond })
  const sizes = {
    address: oneSecond(limits.perAddressPerSecond),
    provider: oneSecond(limits.perProviderPerSecond),
    workload: oneSecond(limits.perWorkloadPerSecond),
    refusedByProvider: oneSecond(Math.max(1, limits.perProviderPerSecond * REFUSED_SHARE)),
    refusedCaller: { capacity: REFUSED_CALLERS, perSecond: 1 / REFUSED_CALLER_EVERY_S },
    refusedFromSource: { capacity: SOURCE_REFUSALS_PER_MINUTE, perSecond: SOURCE_REFUSALS_PER_MINUTE / 60 },
  }
  const buckets = createBoundedMap<Bucket>()
  const denials = createBoundedMap<{ count: number; sinceMs: number }>()
  const current = (digest: string) => {
    const entry = denials.get(digest)
    return entry && monotonicMs() - entry.sinceMs < 60_000 ? entry : undefined
  }
  // The bucket as it is now. Looking at one that is full remembers nothing of it.
  const bucketOf = (kind: keyof typeof sizes, name: string) => {
    const { capacity, perSecond } = sizes[kind]
    const key = `${kind}\0${name}`
    const atMs = monotonicMs()
    const known = buckets.get(key)
    const tokens = known ? Math.min(capacity, known.tokens + ((atMs - known.atMs) / 1000) * perSecond) : capacity
    return { key, bucket: { tokens, atMs } }
  }
  const take = (kind: keyof typeof sizes, name: string) => {
    const { key, bucket } = bucketOf(kind, name)
    const taken = bucket.tokens >= 1
    if (taken) bucket.tokens -= 1
    buckets.set(key, bucket)
    return taken
  }
  const isEmpty = (kind: keyof typeof sizes, name: string) => bucketOf(kind, name).bucket.tokens < 1
  const sourceOf = (providerId: string, address: string | undefined) =>
    `${providerId}\0${address === undefined ? '' : networkOf(address)}`
  return {
    take: (kind, name) => take(kind, kind === 'address' ? networkOf(name) : name),
    mayTry: (providerId, address) =>
      !isEmpty('refusedByProvider', providerId) || !isEmpty('refusedFromSource', sourceOf(providerId, address)),
    refused(providerIds, address) {
      for (const providerId of providerIds) {
        take('refusedByProvider', providerId)
        take('refusedFromSource', sourceOf(providerId, address))
      }
    },
    mayAuthenticate: (address) => !isEmpty('refusedCaller', address === undefined ? '' : networkOf(address)),
    callerRefused: (address) => void take('refusedCaller', address === undefined ? '' : networkOf(address)),
    // Most of the time nothing is denied, and then the digest need not be computed.
    isBlocked: (digest) => denials.size() > 0 && (current(digest())?.count ?? 0) > DENIALS_PER_MINUTE,
    denied(digest) {
      const entry = current(digest)
      if (entry) entry.count += 1
      else denials.set(digest, { count: 1, sinceMs: monotonicMs() })
    },
  }
}

/** Whose rate an address counts for: itself, or the /64 of an IPv6 address, of which one host has 2^64 to choose from. */
function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const groupsOf = (part: string) => (part === '' ? [] : part.split(':'))
  const [head = '', tail] = address.split('::')
  const [left, right] = [groupsOf(head), groupsOf(tail ?? '')]
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  const groups = [...left, ...(tail === undefined ? [] : zeros), ...right].slice(0, 4)
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}

/** Two generations of a map: reads move entries to the newer one, and the older one is dropped when the newer is full. */
function createBoundedMap<T>() {
  let newer = new Map<string, T>()
  let older = new Map<string, T>()
  const set = (key: string, value: T) => {
    if (newer.size >= MAX_NAMES && !newer.has(key)) {
      older = newer
      newer = new Map()
    }
    newer.set(key, value)
  }
  return {
    get(key: string): T | undefined {
      const value = newer.get(key)
      if (value !== undefined) return value
      const old = older.get(key)
      if (old !== undefined) set(key, old)
      return old
    },
    set,
    size: () => newer.size + older.size,
  }
}
