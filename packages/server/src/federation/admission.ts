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
  /** Whether this proof has been denied more than 10 times in the last minute; asked before any signature work. */
  isBlocked(proofDigest: () => string): boolean
  /** Counts a denial of a proof that had verified. */
  denied(proofDigest: string): void
}

const DENIALS_PER_MINUTE = 10

interface Bucket {
  tokens: number
  atMs: number
}

/** Buckets by name and denial counts by proof. When the memory bound is reached the oldest half is forgotten, in favour of the caller. */
export function createAdmission(limits: RateLimits, monotonicMs: () => number): Admission {
  const perSecond: Record<RateLimitedName, number> = {
    address: limits.perAddressPerSecond,
    provider: limits.perProviderPerSecond,
    workload: limits.perWorkloadPerSecond,
  }
  const buckets = createBoundedMap<Bucket>()
  const denials = createBoundedMap<{ count: number; sinceMs: number }>()
  const current = (digest: string) => {
    const entry = denials.get(digest)
    return entry && monotonicMs() - entry.sinceMs < 60_000 ? entry : undefined
  }
  return {
    take(kind, name) {
      const rate = perSecond[kind]
      const nowMs = monotonicMs()
      const key = `${kind}\0${kind === 'address' ? networkOf(name) : name}`
      const bucket = buckets.get(key) ?? { tokens: rate, atMs: nowMs }
      bucket.tokens = Math.min(rate, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * rate)
      bucket.atMs = nowMs
      buckets.set(key, bucket)
      if (bucket.tokens < 1) return false
      bucket.tokens -= 1
      return true
    },
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
