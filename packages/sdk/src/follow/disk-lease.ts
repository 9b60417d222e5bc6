import { BOOT_RESOLUTION_MS, type Instant, type Lease } from './lease.ts'

/** A lease as it is kept on disk. */
export interface StoredLease {
  readonly sentWallMs: number
  /** On the clock of the machine that also counts suspended time (CLOCK_BOOTTIME). */
  readonly sentBootMs: number
  readonly leaseMs: number
  /** Which start of which machine that clock belongs to. */
  readonly bootId: string
}

/** The clocks of the machine, read together; without the third one no lease outlives its process. */
export interface MachineInstant extends Instant {
  readonly bootId: string | undefined
}

/** A lease in the form that another process of the same start of the machine can go on with. */
export function storeLease({ sent, leaseMs }: Lease, bootId: string | undefined): StoredLease | undefined {
  if (sent.bootMs === undefined || bootId === undefined) return undefined
  return { sentWallMs: sent.wallMs, sentBootMs: sent.bootMs, leaseMs, bootId }
}

/**
 * The lease that is left of a stored one, counted on this process's clocks; undefined on another machine, after another start of it,
 * or when its clock contradicts. Whether time is left is decided as for every lease.
 */
export function resumeLease(stored: StoredLease, here: MachineInstant): Lease | undefined {
  if (here.bootMs === undefined || stored.bootId !== here.bootId) return undefined
  const gone = here.bootMs - stored.sentBootMs + BOOT_RESOLUTION_MS
  if (!(gone >= 0)) return undefined
  const sent = { monoMs: here.monoMs - gone, wallMs: stored.sentWallMs, bootMs: here.bootMs - gone }
  return { sent, leaseMs: stored.leaseMs }
}
