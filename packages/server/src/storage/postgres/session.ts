import pg from 'pg'
import type { HeldLeadership, StorageLogger } from '../engine.ts'
import { clientConfig } from './connect.ts'
import { LOCKS, REVISION_CHANNEL } from './locks.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000
const HEARTBEAT_MS = 3000
const ANSWER_LIMIT_MS = 5000

/** What the session-level connection needs. */
export interface SessionDependencies {
  readonly url: string
  readonly logger: StorageLogger | undefined
}

interface Connected {
  readonly client: pg.Client
  readonly lost: AbortController
}

/**
 * The one connection that keeps its session: it listens for revisions and holds the leader lock. It comes back by itself;
 * whoever held the lock through it has lost it then.
 */
export function openSession({ url, logger }: SessionDependencies) {
  const stop = new AbortController()
  const ready = Promise.withResolvers<void>()
  let announce: () => void = () => {}
  let current: Connected | undefined

  function pause(durationMs: number, signals: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signals.aborted) return resolve()
      const timer = setTimeout(resolve, durationMs)
      timer.unref()
      signals.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Lives as long as the connection does. */
  async function live(onReady: () => void): Promise<void> {
    const client = new pg.Client(clientConfig({ url, pooled: false, timeoutMs: ANSWER_LIMIT_MS }))
    const lost = new AbortController()
    client.on('error', () => lost.abort())
    client.on('end', () => lost.abort())
    client.on('notification', () => announce())
    try {
      await client.connect()
      await client.query(`LISTEN ${REVISION_CHANNEL}`)
      current = { client, lost }
      onReady()
      // What was committed while nobody listened.
      announce()
      const over = AbortSignal.any([stop.signal, lost.signal])
      while (!over.aborted) {
        await pause(HEARTBEAT_MS, over)
        // A dead peer is noticed here, and not when the kernel gives up.
        if (!over.aborted) await client.query('SELECT 1')
      }
    } finally {
      current = undefined
      lost.abort()
      await client.end().catch(() => {})
    }
  }

  async function run(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS
    while (!stop.signal.aborted) {
      try {
        await live(() => {
          pauseMs = FIRST_PAUSE_MS
          ready.resolve()
        })
        if (!stop.signal.aborted) logger?.warn({}, 'the session connection to the database was lost')
      } catch (error) {
        ready.reject(error)
        if (!stop.signal.aborted) logger?.warn({ err: error }, 'the session connection to the database failed')
      }
      await pause(pauseMs * (0.5 + Math.random()), stop.signal)
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
  }

  const ended = run()

  async function tryLead(holder: string, at: number): Promise<HeldLeadership | undefined> {
    const held = current
    if (!held) return undefined
    const { client, lost } = held
    const { rows } = await client.query<{ won: boolean }>(`SELECT pg_try_advisory_lock(${LOCKS.lead}) AS won`)
    if (!rows[0]?.won) return undefined
    const release = async (): Promise<void> => {
      if (!lost.signal.aborted) await client.query(`SELECT pg_advisory_unlock(${LOCKS.lead})`)
    }
    try {
      // On the very connection that holds the lock: when it is lost, so is this.
      const { rows: epochs } = await client.query<{ epoch: number }>(
        `INSERT INTO leadership AS held (id, epoch, holder, at) VALUES (1, 1, $1, $2)
          ON CONFLICT (id) DO UPDATE SET epoch = held.epoch + 1, holder = excluded.holder, at = excluded.at
          RETURNING epoch`,
        [holder, at],
      )
      return { epoch: Number(epochs[0]?.epoch), lost: lost.signal, release }
    } catch (error) {
      await release().catch(() => {})
      throw error
    }
  }

  return {
    /** Settles with the first attempt to connect: an address that cannot work is not tried for ever in silence. */
    ready: ready.promise,
    tryLead,
    onRevision(callback: () => void): void {
      announce = callback
    },
    async close(): Promise<void> {
      stop.abort()
      await ended
    },
  }
}
