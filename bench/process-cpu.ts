import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** CPU milliseconds that a process has used, user and system, all of its threads (Linux /proc; 10 ms resolution). */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND
}

/** The same for a process and everything below it, exited children that were waited for included. */
export function cpuMsOfTree(pid: number): number {
  let total = 0
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const own = Number(fields[11]) + Number(fields[12])
      if (Number(entry) === pid) total += own + Number(fields[13]) + Number(fields[14])
      else if (Number(fields[1]) === pid) total += own
    } catch {
      // The process ended between the listing and the reading; its time is in its parent's count.
    }
  }
  return (total * 1000) / TICKS_PER_SECOND
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return Math.round(Number(kib ?? 0) / 1024)
}
