import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { insertInstance, selectUnconfirmed, settleInstance, touchInstance } from './store.ts'

const HEARTBEAT_EVERY_MS = 3_000
/** Without a heartbeat for this long the instance stops signing; the leader settles it only well after. */
const SIGNS_WITHIN_MS = 12_000

/** This running process, as the leader sees it. */
export interface Instance {
  readonly bootId: string
  /** Whether a signature made now is certain to be made before the leader may settle this instance. */
  maySign(): boolean
  /**
   * Taken before an issuance is committed; says afterwards whether it may be signed. It never may once the heartbeat has lapsed in
   * between, though it beats again: the leader may have marked the issuance unsigned meanwhile (a paused process that goes on).
   */
  permit(): () => boolean
  /** Ends the heartbeat and, when every batch is confirmed, closes the account; otherwise the leader settles it. */
  stop(): Promise<void>
}

/** What an instance needs. `monotonicMs` is a clock that no administrator can set back. */
export interface InstanceDeps {
  readonly database: Database<Tables>
  readonly bootId: string
  readonly now: () => Date
  readonly monotonicMs: () => number
  readonly onFailure: (error: unknown) => void
}

/** Registers this process and keeps its heartbeat. Resolves when the first heartbeat is stored. */
export async function startInstance(deps: InstanceDeps): Promise<Instance> {
  const { database, bootId, now, monotonicMs, onFailure } = deps
  // The time before the write counts: the leader may have seen it from then on.
  let beatAt = monotonicMs()
  // The monotonic clock stands still while a machine is suspended, the wall clock can be set back: the stricter of the two counts.
  let beatWallAt = now().getTime()
  let term = 0
  const hasLapsed = () => !(monotonicMs() - beatAt < SIGNS_WITHIN_MS && now().getTime() - beatWallAt < SIGNS_WITHIN_MS)
  await database.transaction((tx) => insertInstance(tx, bootId, new Date(beatWallAt)))
  let running = false
  const beat = async () => {
    if (running) return
    running = true
    const [startedAt, startedWallAt] = [monotonicMs(), now().getTime()]
    try {
      await database.transaction((tx) => touchInstance(tx, bootId, new Date(startedWallAt)))
      if (hasLapsed()) term += 1
      beatAt = startedAt
      beatWallAt = startedWallAt
    } catch (error) {
      onFailure(error)
    } finally {
      running = false
    }
  }
  const timer = setInterval(beat, HEARTBEAT_EVERY_MS)
  timer.unref()
  return {
    bootId,
    maySign: () => !hasLapsed(),
    permit() {
      const from = term
      return () => term === from && !hasLapsed()
    },
    async stop() {
      clearInterval(timer)
      beatAt = Number.NEGATIVE_INFINITY
      await database.transaction(async (tx) => {
        if ((await selectUnconfirmed(tx, bootId)).length === 0) await settleInstance(tx, { bootId, at: now() })
      })
    },
  }
}
