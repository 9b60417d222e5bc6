import type { Transaction } from 'kysely'
import { ServiceError } from '../errors.ts'
import type { Now } from '../lib/index.ts'
import type { Engine, HeldLeadership, StorageLogger } from './engine.ts'
import type { Leader, StorageTables } from './types.ts'

const TRY_EVERY_MS = 1000

/** What a campaign needs of the database that it belongs to. */
export interface CampaignDependencies {
  readonly engine: Engine
  readonly now: Now
  readonly logger: StorageLogger | undefined
  readonly transaction: <R>(work: (tx: Transaction<StorageTables>) => Promise<R>) => Promise<R>
}

function deposed(epoch: number): ServiceError {
  return new ServiceError('conflict', { detail: `the leadership of epoch ${epoch} has passed to another process` })
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, durationMs)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Campaigns until stopped: try, lead while the lock is held, step down, try again. Returns the function that stops it. */
export function startCampaign(
  { engine, now, logger, transaction }: CampaignDependencies,
  holder: string,
  lead: (leader: Leader<StorageTables>) => Promise<void>,
): () => Promise<void> {
  const stop = new AbortController()

  async function serve(held: HeldLeadership): Promise<void> {
    const { epoch } = held
    const fenced = new AbortController()
    const signal = AbortSignal.any([stop.signal, held.lost, fenced.signal])
    await lead({
      epoch,
      signal,
      transaction: async (work) => {
        if (signal.aborted) throw deposed(epoch)
        return transaction(async (tx) => {
          let query = tx.selectFrom('leadership').select('epoch').where('id', '=', 1)
          // Shared until the commit: a successor cannot take its epoch in between.
          if (engine.shareLock) query = query.forShare()
          const current = await query.executeTakeFirst()
          if (current?.epoch !== epoch) {
            fenced.abort()
            throw deposed(epoch)
          }
          return work(tx)
        })
      },
    })
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      let held: HeldLeadership | undefined
      try {
        held = await engine.tryLead(holder, now().getTime())
        if (held && !stop.signal.aborted) await serve(held)
      } catch (error) {
        if (!stop.signal.aborted) logger?.error({ err: error, holder }, 'leading failed; somebody else may lead now')
      } finally {
        await held?.release().catch((error: unknown) => {
          logger?.warn({ err: error }, 'the leader lock could not be released; it ends with its connection')
        })
      }
      await pause(TRY_EVERY_MS * (0.75 + Math.random() / 2), stop.signal)
    }
  }

  const ended = run()
  return async () => {
    stop.abort()
    await ended
  }
}
