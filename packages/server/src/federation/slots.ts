import type { Grant } from '../policy/index.ts'

const MINUTE_MS = 60_000
/** More than any limit that a policy can state. The same on every replica and in every version: it decides which slots are one. */
const SLOTS_PER_MINUTE = 10_000
const MAX_REMEMBERED = 65_536

/** Chooses which slot of a proof to try: the primary key (proof, slot, expiry) makes each slot usable once, on any replica. */
export interface Slots {
  /** The slots that the limit allows for this proof now, in the order to try them, those known to be used left out. */
  candidates(proofKey: Uint8Array, uses: Grant['uses'], now: Date): Iterable<number>
  /** Remembers that a slot is taken, so that the next use of this proof starts after it. A hint only: the database decides. */
  taken(proofKey: Uint8Array, slot: number): void
}

/** Slots with a bounded memory of those taken; forgetting one costs a lost insert, never a second acceptance. */
export function createSlots(): Slots {
  let recent = new Map<string, number>()
  let older = new Map<string, number>()
  const name = (proofKey: Uint8Array) => Buffer.from(proofKey).toString('latin1')
  const highest = (proofKey: Uint8Array) => recent.get(name(proofKey)) ?? older.get(name(proofKey)) ?? -1
  return {
    *candidates(proofKey, uses, now) {
      // Every minute has its own stretch of one number line, whatever the limit: policies with different limits count the same uses.
      const [first, count] =
        'maxUses' in uses
          ? [0, uses.maxUses]
          : [Math.floor(now.getTime() / MINUTE_MS) * SLOTS_PER_MINUTE, Math.min(uses.usesPerMinute, SLOTS_PER_MINUTE)]
      const known = highest(proofKey)
      // A hint from a later minute (the clock was set back) says nothing about this one; the database still does.
      const start = known < first + SLOTS_PER_MINUTE ? Math.max(first, known + 1) : first
      for (let slot = start; slot < first + count; slot += 1) yield slot
    },
    taken(proofKey, slot) {
      if (recent.size >= MAX_REMEMBERED) {
        older = recent
        recent = new Map()
      }
      if (slot > highest(proofKey)) recent.set(name(proofKey), slot)
    },
  }
}
