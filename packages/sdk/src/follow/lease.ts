/** An instant on the clocks that a process has, in milliseconds. */
export interface Instant {
  /** Never set; may stand still while the machine is suspended. */
  readonly monoMs: number
  /** Goes on while the machine is suspended; may be set. */
  readonly wallMs: number
  /** Never set, and goes on while the machine is suspended (CLOCK_BOOTTIME); too dear to read for every token. */
  readonly bootMs?: number | undefined
}

/** For how long, from when, a follower may answer from what it has applied. */
export interface Lease {
  /** When the request was sent: the server counts from when it received it, which is never earlier. */
  readonly sent: Instant
  readonly leaseMs: number
}

/** What is used of a lease: a clock that runs up to 1 % slow still ends it in time. */
const USED_PART = 0.99
/** How far the wall clock may go back, as time synchronisation makes it, before the lease ends. */
const MAX_SET_BACK_MS = 1000
/** Resolution of the third clock, /proc/uptime. */
export const BOOT_RESOLUTION_MS = 10

/**
 * Whether a lease holds at an instant: by the monotonic and by the wall clock, whichever is stricter. What is no number ends it.
 *
 * One case is beyond the two: a suspended machine whose monotonic clock stood still, and whose wall clock has been set back by as
 * much; see {@link countSuspended}. A virtual machine that is frozen with all of its clocks is beyond any of them.
 */
export function leaseHolds({ sent, leaseMs }: Lease, { monoMs, wallMs }: Instant): boolean {
  const usedMs = leaseMs * USED_PART
  const mono = monoMs - sent.monoMs
  const wall = wallMs - sent.wallMs
  return mono >= 0 && mono < usedMs && wall >= -MAX_SET_BACK_MS && wall < usedMs
}

/** The lease with the time that its monotonic clock has missed so far counted in, where the third clock has been read. */
export function countSuspended(lease: Lease, at: Instant): Lease {
  const { sent } = lease
  if (at.bootMs === undefined || sent.bootMs === undefined) return lease
  const monoMs = Math.min(sent.monoMs, at.monoMs - (at.bootMs - sent.bootMs) - BOOT_RESOLUTION_MS)
  return { ...lease, sent: { ...sent, monoMs } }
}
