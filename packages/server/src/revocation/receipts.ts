import type { CheckpointSigner, EventLog, LogProofs, ReceiptFacts, Sealer } from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import { type Now, newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import {
  type ReceiptDocument,
  type SignedReceipt,
  signReceipt,
  toReceiptDocument,
  toReceiptEvent,
} from './receipt-document.ts'
import {
  completeReceipt,
  findReceipts,
  fixFacts,
  hasUnsealedReceipt,
  hasUnsettledReceipt,
  listReceiptIds,
  listSealedReceiptIds,
  listSettledReceiptIds,
  lockReceipt,
  type StoredReceipt,
} from './receipt-store.ts'

/** What receipts need. */
export interface ReceiptsDeps {
  readonly database: Database<Tables>
  readonly eventLog: Pick<EventLog, 'append'>
  readonly proofs: Pick<LogProofs, 'inclusion'>
  /** The receipt key (G-05), under the name of the log's receipts; asked for at each signature. */
  readonly signer: () => CheckpointSigner
  /** Origin line of the log. */
  readonly origin: string
  /** Verifier keys of the log and of its receipts, all that were ever used. */
  readonly verifierKeys: () => readonly string[]
  readonly sealer: Pick<Sealer, 'sealNow' | 'state'>
  readonly now: Now
  /** Told of each receipt that cannot be made final, once per reason. */
  readonly onFailure: (error: unknown) => void
}

/** Receipts of revocations: what is shown of them, and the work that makes them final. */
export interface Receipts {
  get(id: string): Promise<ReceiptDocument | undefined>
  /** Newest first; `next` is what `after` is for the following page. A page may hold fewer than the limit and have a next one. */
  list(input: {
    readonly after?: string
    readonly limit: number
    readonly state?: 'pending' | 'final'
  }): Promise<{ readonly items: readonly ReceiptDocument[]; readonly next: string | null }>
  /** The receipt as soon as it is final, else as it is after `waitMs`. */
  waitFor(id: string, waitMs: number): Promise<ReceiptDocument | undefined>
  /**
   * Makes final what can be, on any replica: whoever comes second finds it done, and a process that ends in between leaves it to
   * the next one. Called by the leader each second. Resolves to how many became final here.
   */
  finaliseDue(): Promise<number>
  /** A verifier has confirmed something: whoever waits looks at once. */
  wake(): void
  /** Ends every waiting; what is pending stays so. */
  close(): void
}

const LOOK_MS = 100
const GATHER_MS = 10
const PAGE = 100
/** A page of receipts has at most so many, since each may list hundreds of followers. */
const MAX_LISTED = 50
const SEAL_WAIT_MS = 500

/** Receipts over a database. Nothing is kept in memory: every process shows and finishes the same ones. */
export function createReceipts(deps: ReceiptsDeps): Receipts {
  const { database, eventLog, sealer, now } = deps
  const reported = new Map<string, string>()
  const sleepers = new Set<() => void>()
  let passing: Promise<number> | undefined
  let isClosed = false

  function untilWoken(atMostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        sleepers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, Math.max(0, atMostMs))
      sleepers.add(wake)
    })
  }

  const show = (stored: StoredReceipt) => toReceiptDocument(stored, { refusing: sealer.state() === 'refusing' })
  const get = async (id: string) => {
    const [stored] = await findReceipts(database.read, [id])
    return stored && show(stored)
  }

  // One bad receipt never holds up the others: it is reported, stays pending, and is tried again.
  async function each(list: (after: string) => Promise<readonly string[]>, work: (id: string) => Promise<boolean>) {
    let done = 0
    for (let after = ''; !isClosed; ) {
      const ids = await list(after)
      for (const id of ids) {
        try {
          if (await work(id)) done += 1
          reported.delete(id)
        } catch (error) {
          const reason = error instanceof ServiceError ? `${error.code} ${error.internal}` : String(error)
          if (reported.get(id) !== reason) deps.onFailure(error)
          reported.set(id, reason)
        }
      }
      after = ids.at(-1) ?? ''
      if (ids.length < PAGE) break
    }
    return done
  }

  /** Fixes the facts and appends their event in one transaction; false when somebody else has, or it is not time yet. */
  function fix(id: string): Promise<boolean> {
    const eventId = newId('evt', now())
    return database.transaction(async (tx) => {
      const stored = await lockReceipt(tx, id)
      if (stored === undefined) return false
      // By the clock that leases end by, and after the lock: no lease of the list can be any longer.
      const at = await database.time(tx)
      if (!stored.facts.followers.every((follower) => follower.confirmedAt !== undefined || follower.leaseUntil < at)) {
        return false
      }
      const facts: ReceiptFacts = { ...stored.facts, finalAt: at }
      await fixFacts(tx, facts, eventId)
      await eventLog.append(tx, toReceiptEvent(facts, { id: eventId, at: now() }))
      return true
    })
  }

  /** Signs a receipt whose event is sealed, and stores it only if it verifies with the keys that anybody would use. */
  async function complete(id: string): Promise<boolean> {
    const [stored] = await findReceipts(database.read, [id])
    if (stored?.finalEventId === undefined || stored.state === 'final') return false
    const proof = await deps.proofs.inclusion(stored.finalEventId)
    if (proof === undefined) return false
    const signed: SignedReceipt = signReceipt(stored, proof, {
      origin: deps.origin,
      signer: deps.signer(),
      verifierKeys: deps.verifierKeys(),
    })
    return database.transaction((tx) => completeReceipt(tx, { id, ...signed }))
  }

  function listSettled(after: string): Promise<readonly string[]> {
    return database.transaction(async (tx) =>
      listSettledReceiptIds(tx, { at: await database.time(tx), after, limit: PAGE }),
    )
  }

  async function pass(): Promise<number> {
    if (await hasUnsettledReceipt(database.read)) await each(listSettled, fix)
    // Only for whoever waits; the leader seals within a second anyway. A log that refuses leaves receipts pending, and they say so.
    if (sleepers.size > 0 && (await hasUnsealedReceipt(database.read))) {
      await sealer.sealNow({ timeoutMs: SEAL_WAIT_MS }).catch((error: unknown) => {
        if (!(error instanceof ServiceError)) deps.onFailure(error)
      })
    }
    return each((after) => listSealedReceiptIds(database.read, { after, limit: PAGE }), complete)
  }

  function finaliseDue(): Promise<number> {
    passing ??= pass().finally(() => {
      passing = undefined
    })
    return passing
  }

  return {
    get,
    async list(input) {
      const limit = Math.min(MAX_LISTED, Math.max(1, Math.trunc(input.limit) || 1))
      const ids = await listReceiptIds(database.read, { ...input, limit: limit + 1 })
      const shown = ids.slice(0, limit)
      const items = (await findReceipts(database.read, shown)).map(show)
      return { items, next: ids.length > limit ? (shown.at(-1) ?? null) : null }
    },
    async waitFor(id, waitMs) {
      const deadline = performance.now() + waitMs
      let receipt = await get(id)
      while (receipt?.state === 'pending' && !isClosed) {
        // Made before the look: what is confirmed meanwhile makes the next one begin at once.
        const woken = untilWoken(Math.min(LOOK_MS, deadline - performance.now()))
        await finaliseDue()
        receipt = await get(id)
        if (receipt?.state !== 'pending' || performance.now() >= deadline) break
        await woken
        // Five hundred verifiers confirm within the same moment: one look for all of them.
        await new Promise((resolve) => setTimeout(resolve, GATHER_MS))
      }
      return receipt
    },
    finaliseDue,
    wake() {
      for (const wake of sleepers) wake()
    },
    close() {
      isClosed = true
      for (const wake of sleepers) wake()
    },
  }
}
