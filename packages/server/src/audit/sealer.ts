import { ServiceError } from '../errors.ts'
import { type Now, newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database, Leader } from '../storage/index.ts'
import type { CheckpointSigner } from './note.ts'
import { sealPending, verifyStoredTree } from './seal.ts'

/** Something that an operator must know of at once. */
export interface SealerAlarm {
  /** `refused`: the stored log does not agree with itself, nothing is sealed any more. `failed`: one attempt failed, the next follows. */
  readonly kind: 'refused' | 'failed'
  readonly detail: string
  readonly error: unknown
}

/** What the sealer needs. */
export interface SealerDependencies {
  readonly database: Database<Tables>
  /** The active checkpoint key, asked for at each seal: it rotates. */
  readonly signer: () => CheckpointSigner
  /** The log's origin line: its URL prefix without the scheme (tlog-tiles). Never changes for a log. */
  readonly origin: string
  readonly now: Now
  readonly onAlarm: (alarm: SealerAlarm) => void
  /** Names this process in the leader table. */
  readonly holder?: string
  /** The longest time from one seal to the next look at the input. Default 900: with the seal itself, within a second. */
  readonly intervalMs?: number
  /** A wake-up seals no sooner than this after the seal before, so that events share checkpoints. Default 400. */
  readonly gatherMs?: number
  /** Events per transaction. Default 1000. */
  readonly chunk?: number
}

/** Seals events while this process leads. */
export interface Sealer {
  /** Campaigns for leadership and seals whenever it is won. A process with other leader work passes the leader to `lead` instead. */
  start(): void
  /** Seals until the leader's signal aborts. */
  lead(leader: Leader<Tables>): Promise<void>
  /** Seals soon: something was appended in this process. Costs nothing where nobody leads. */
  wake(): void
  /**
   * Resolves true once every event that was pending at the call is sealed, here or by another process; false after `timeoutMs`.
   * @throws ServiceError audit_invalid when this process leads and refuses to seal.
   */
  sealNow(options?: { timeoutMs?: number }): Promise<boolean>
  state(): 'following' | 'leading' | 'refusing'
  /** Seals what is pending if this process leads, then ends the campaign. */
  stop(): Promise<void>
}

const POLL_MS = 25

/**
 * The one sealer of a log: numbers committed events, grows the tree and signs a checkpoint, at least each second, in
 * transactions fenced by the leader's epoch. Two sealers cannot fork the log: leaf indexes and checkpoint sizes are unique.
 * If the stored tree does not agree with its newest checkpoint it refuses to seal, alarms, and leaves everything as it is.
 */
export function createSealer(dependencies: SealerDependencies): Sealer {
  const { database, signer, origin, now, onAlarm } = dependencies
  const intervalMs = dependencies.intervalMs ?? 900
  const gatherMs = dependencies.gatherMs ?? 400
  const limit = dependencies.chunk ?? 1000
  let leading = false
  let refused: ServiceError | undefined
  let due: 'later' | 'soon' | 'now' = 'later'
  let hurry: () => void = () => {}
  let endCampaign: (() => Promise<void>) | undefined

  async function lead(leader: Leader<Tables>): Promise<void> {
    leading = true
    refused = undefined
    let isVerified = false
    try {
      while (!leader.signal.aborted && refused === undefined) {
        due = 'later'
        try {
          if (!isVerified)
            await leader.transaction((tx) => verifyStoredTree(tx, { signer: signer(), origin, epoch: leader.epoch }))
          isVerified = true
          await sealAll(leader)
        } catch (error) {
          reportFailure(error, leader.signal)
        }
        if (refused === undefined) await pause(leader.signal)
      }
      if (refused !== undefined) await aborted(leader.signal)
    } finally {
      leading = false
      refused = undefined
    }
  }

  async function sealAll(leader: Leader<Tables>): Promise<void> {
    const { epoch } = leader
    for (let sealed = limit; sealed === limit && !leader.signal.aborted; ) {
      const input = { signer: signer(), origin, epoch, at: now(), limit }
      sealed = await leader.transaction((tx) => sealPending(tx, input))
    }
  }

  function reportFailure(error: unknown, signal: AbortSignal): void {
    if (error instanceof ServiceError && error.code === 'audit_invalid') {
      refused = error
      onAlarm({ kind: 'refused', detail: error.internal ?? error.message, error })
    } else if (!signal.aborted) {
      // Losing the lead fails the transaction in flight; that is how it should end, and the next leader seals the events.
      onAlarm({ kind: 'failed', detail: error instanceof Error ? error.message : String(error), error })
    }
  }

  function pause(signal: AbortSignal): Promise<void> {
    const started = performance.now()
    return new Promise((resolve) => {
      let timer = setTimeout(end, 0)
      function end(): void {
        clearTimeout(timer)
        hurry = () => {}
        signal.removeEventListener('abort', end)
        resolve()
      }
      hurry = () => {
        clearTimeout(timer)
        const waitMs = due === 'now' ? 0 : due === 'soon' ? gatherMs : intervalMs
        timer = setTimeout(end, Math.max(0, started + waitMs - performance.now()))
      }
      signal.addEventListener('abort', end)
      if (!signal.aborted) hurry()
    })
  }

  function hasten(to: 'soon' | 'now'): void {
    if (due === 'now' || due === to) return
    due = to
    hurry()
  }

  async function sealNow({ timeoutMs = 5000 }: { timeoutMs?: number } = {}): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    const newest = await pendingSeq('desc')
    if (newest === undefined) return true
    for (;;) {
      if (refused !== undefined) throw refused
      hasten('now')
      const oldest = await pendingSeq('asc')
      if (oldest === undefined || oldest > newest) return true
      if (performance.now() > deadline) return false
      await sleep(POLL_MS)
    }
  }

  async function pendingSeq(order: 'asc' | 'desc'): Promise<number | undefined> {
    const query = database.read.selectFrom('pending_events').select('seq').orderBy('seq', order).limit(1)
    return (await query.executeTakeFirst())?.seq
  }

  return {
    start() {
      endCampaign ??= database.campaign(dependencies.holder ?? newId('boot', now()), lead)
    },
    lead,
    wake: () => hasten('soon'),
    sealNow,
    state: () => (refused !== undefined ? 'refusing' : leading ? 'leading' : 'following'),
    async stop() {
      const end = endCampaign
      endCampaign = undefined
      try {
        if (leading && refused === undefined) await sealNow({ timeoutMs: 2000 })
      } finally {
        await end?.()
      }
    },
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
