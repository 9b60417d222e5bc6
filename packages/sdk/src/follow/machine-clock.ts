import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** The clock of the machine that also counts suspended time. */
export interface MachineClock {
  /** Milliseconds since the machine started, with those that it was suspended for; undefined where it cannot be read. */
  bootMs(): number | undefined
  /** Names this start of this machine; undefined where it cannot be read. */
  readonly bootId: string | undefined
  close(): void
}

const NONE: MachineClock = { bootMs: () => undefined, bootId: undefined, close: () => {} }

/** The machine's clock on Linux (CLOCK_BOOTTIME, from /proc/uptime), and none elsewhere, or when it is not wanted. */
export function openMachineClock(wanted: boolean): MachineClock {
  if (!wanted) return NONE
  let file: number
  let bootId: string
  try {
    bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    file = openSync('/proc/uptime', 'r')
  } catch {
    // Another system, or a sandbox without /proc: leases do without it.
    return NONE
  }
  let open = true
  const bytes = Buffer.alloc(64)
  return {
    bootId,
    bootMs() {
      if (!open) return undefined
      try {
        const seconds = Number.parseFloat(bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0)))
        return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined
      } catch {
        return undefined
      }
    },
    close() {
      if (open) closeSync(file)
      open = false
    },
  }
}
