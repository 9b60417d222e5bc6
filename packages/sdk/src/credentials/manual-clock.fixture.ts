/** Clocks and timers that move only when a test says so. */
export interface ManualClock {
  readonly now: () => Date
  readonly monotonicMs: () => number
  readonly setTimer: (work: () => void, delayMs: number) => () => void
  /** Moves both clocks and runs the timers that come due, each at its time. */
  advance(ms: number): Promise<void>
  /** Sets the wall clock alone, as an administrator does. */
  jump(ms: number): void
  /** Delays of the timers that wait, in milliseconds from now, ascending. */
  waiting(): readonly number[]
}

/** A clock that stands at a fixed instant. */
export function createManualClock(start = Date.UTC(2026, 10, 25)): ManualClock {
  const timers = new Set<{ atMs: number; work: () => void }>()
  let elapsedMs = 0
  let offsetMs = 0
  return {
    now: () => new Date(start + elapsedMs + offsetMs),
    monotonicMs: () => elapsedMs,
    setTimer(work, delayMs) {
      const timer = { atMs: elapsedMs + delayMs, work }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(ms) {
      const until = elapsedMs + ms
      for (;;) {
        await settle()
        const next = [...timers].filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined) break
        timers.delete(next)
        elapsedMs = Math.max(elapsedMs, next.atMs)
        next.work()
      }
      elapsedMs = until
    },
    jump(ms) {
      offsetMs += ms
    },
    waiting: () => [...timers].map(({ atMs }) => atMs - elapsedMs).sort((a, b) => a - b),
  }
}

/** Lets everything that can go on without a timer or a socket go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}
