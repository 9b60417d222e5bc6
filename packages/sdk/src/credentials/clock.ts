/** Time as this folder sees it, so that tests own every clock and timer. */
export interface Clock {
  /** The wall clock: what expiry on the wire is compared with. */
  now(): Date
  /** Milliseconds that no setting of the wall clock changes. */
  monotonicMs(): number
  /**
   * Runs the work once after a delay; the result cancels it. A timer keeps the process alive, as somebody waits for it, unless it is
   * for the background.
   */
  setTimer(work: () => void, delayMs: number, isBackground?: boolean): () => void
}

/** What of the clock can be replaced. */
export interface ClockOptions {
  readonly now?: () => Date
  readonly monotonicMs?: () => number
  readonly setTimer?: Clock['setTimer']
}

/** The system's clocks, where nothing else is given. With `now` alone, it stands for both clocks. */
export function createClock({ now, monotonicMs, setTimer }: ClockOptions): Clock {
  return {
    now: now ?? (() => new Date()),
    monotonicMs: monotonicMs ?? (now === undefined ? () => performance.now() : () => now().getTime()),
    setTimer:
      setTimer ??
      ((work, delayMs, isBackground = false) => {
        const timer = setTimeout(work, delayMs)
        if (isBackground) timer.unref()
        return () => clearTimeout(timer)
      }),
  }
}

/** Resolves after the delay, or rejects with the signal's reason. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const cancel = clock.setTimer(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, delayMs)
    const onAbort = () => {
      cancel()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** The promise's result, or the signal's reason when that comes first; the promise itself goes on. */
export function waitFor<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
