/** Work that a caller repeats; its failure is reported and does not end the repetition. */
export interface RepeatInput {
  readonly everyMs: number
  readonly signal: AbortSignal
  readonly work: () => Promise<unknown>
  readonly onFailure: (error: unknown) => void
}

/** Runs `work` at once and then each time `everyMs` after it has ended, until the signal aborts. Resolves when the last run has ended. */
export async function repeat({ everyMs, signal, work, onFailure }: RepeatInput): Promise<void> {
  while (!signal.aborted) {
    try {
      await work()
    } catch (error) {
      if (!signal.aborted) onFailure(error)
    }
    await pause(everyMs, signal)
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, durationMs)
    signal.addEventListener('abort', end)
  })
}
