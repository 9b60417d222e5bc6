import { resumeLease, storeLease } from './disk-lease.ts'
import type { FollowerMemory, FollowerState } from './follower-state.ts'
import type { Instant } from './lease.ts'
import type { SnapshotFile } from './snapshot-file.ts'

/** What keeping the snapshot needs. */
export interface SnapshotKeeperDeps {
  /** Undefined: nothing is kept. */
  readonly file: SnapshotFile | undefined
  readonly bootId: string | undefined
  onFailed(reason: string): void
}

/** Keeps what a follower knows in its file. No method rejects or throws. */
export interface SnapshotKeeper {
  /** What the file holds, with what is left of a lease. */
  restore(here: Instant): FollowerMemory | undefined
  /** Writes, without the lease, when something has changed since the last time. */
  keep(state: FollowerState): void
  /** Writes what the next process begins with; whether that is with a lease. This process must not use the lease any more. */
  leave(memory: FollowerMemory): Promise<boolean>
}

/** Creates the keeper of a snapshot file. */
export function createSnapshotKeeper({ file, bootId, onFailed }: SnapshotKeeperDeps): SnapshotKeeper {
  let kept: string | undefined
  let writing: Promise<unknown> = Promise.resolve()

  function write(memory: FollowerMemory): Promise<boolean> {
    if (file === undefined) return Promise.resolve(false)
    const lease = memory.lease && storeLease(memory.lease, bootId)
    const written = writing
      .then(() => file.write({ memory, lease }))
      .then(
        () => lease !== undefined,
        (error: unknown) => {
          kept = undefined
          onFailed(reasonOf(error))
          return false
        },
      )
    writing = written
    return written
  }

  return {
    restore(here) {
      try {
        const snapshot = file?.read()
        if (snapshot === undefined) return undefined
        const { memory, lease } = snapshot
        return { ...memory, lease: lease && resumeLease(lease, { ...here, bootId }) }
      } catch (error) {
        onFailed(reasonOf(error))
        return undefined
      }
    },
    keep(state) {
      const { applied, serviceId, onUnavailable, revocations } = state
      const key = [applied, serviceId, onUnavailable, revocations.size, revocations.expiredUpToMs].join(' ')
      if (file === undefined || key === kept) return
      kept = key
      void write({ ...state.memory(), lease: undefined })
    },
    leave: write,
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}
