import { CountersignError } from '../errors.ts'
import type { FollowerState, LeaseRequest } from './follower-state.ts'
import type { Instant } from './lease.ts'
import { RequestFailure, type Transport } from './transport.ts'
import { parseLeaseAnswer } from './wire.ts'

/** Most pages that one renewal reads. */
const MAX_ROUNDS = 1000
/** A second change of history within one renewal is two servers that disagree. */
const MAX_REREADS = 2
/** For how long after a failure nobody asks again for the sake of a token: requests must not pile up. */
const FAILURE_REMEMBERED_MS = 1000

/** Tokens that were accepted without a lease, to be told with the next request. */
export interface AcceptedWithoutLease {
  readonly count: number
  readonly firstAt: Date
  readonly lastAt: Date
}

/** What renewing needs. */
export interface RenewalDeps {
  readonly state: FollowerState
  readonly transport: Pick<Transport, 'lease'>
  readonly service: string
  /** Reads every clock. */
  instant(): Instant
  acceptedWithoutLease(): AcceptedWithoutLease | undefined
  /** The server has been told of so many. */
  told(count: number): void
  onGranted(): void
  onHistoryChanged(): void
  onFailed(error: CountersignError, status: number | undefined): void
}

/** Gets leases, one request at a time. */
export interface Renewal {
  /** Asks for a lease, applying what is missing first; joins what is under way. Whether a lease was granted; never rejects. */
  renew(): Promise<boolean>
  /** Whether asking for the sake of one token makes sense, or failed just now. */
  mayAsk(): boolean
  /** What is under way. */
  readonly running: Promise<boolean> | undefined
  /** Attempts in a row that failed. */
  readonly failures: number
}

/** Creates the renewal of a follower's lease. */
export function createRenewal(deps: RenewalDeps): Renewal {
  const { state, transport, service } = deps
  let running: Promise<boolean> | undefined
  let failures = 0
  let failedAtMs = 0

  async function ask(): Promise<ReturnType<FollowerState['answer']>> {
    let request: LeaseRequest | undefined
    const accepted = deps.acceptedWithoutLease()
    const answer = await transport.lease(() => {
      // The clocks are read before the request leaves: the server counts from when it arrives.
      request = state.request(deps.instant())
      return {
        service,
        applied: request.applied,
        tag: request.tag,
        ...(accepted && {
          accepted_without_lease: {
            count: accepted.count,
            first_at: accepted.firstAt.toISOString(),
            last_at: accepted.lastAt.toISOString(),
          },
        }),
      }
    })
    if (request === undefined) throw new TypeError('an answer without a request')
    const parsed = parseLeaseAnswer(answer)
    if (accepted) deps.told(accepted.count)
    return state.answer(request, parsed, deps.instant())
  }

  async function catchUp(): Promise<void> {
    let rereads = 0
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const outcome = await ask()
      if (outcome === 'granted') return
      if (outcome === 'reread') {
        deps.onHistoryChanged()
        if (++rereads > MAX_REREADS) throw refused('the history changes with each answer')
      } else if (outcome === 'stalled') throw refused('the server holds back what is missing')
      else if (outcome === 'outdated') throw refused('the answer came too late')
      else if (outcome === 'invalid') throw refused('the answer contradicts the request')
    }
    throw refused('there is no end of pages')
  }

  async function run(): Promise<boolean> {
    try {
      await catchUp()
      failures = 0
      deps.onGranted()
      return true
    } catch (error) {
      failures++
      failedAtMs = deps.instant().monoMs
      const { error: known, status } = toFailure(error)
      deps.onFailed(known, status)
      return false
    }
  }

  return {
    renew() {
      running ??= run().finally(() => {
        running = undefined
      })
      return running
    },
    mayAsk() {
      if (failures === 0) return true
      const since = deps.instant().monoMs - failedAtMs
      return !(since >= 0 && since < FAILURE_REMEMBERED_MS)
    },
    get running() {
      return running
    },
    get failures() {
      return failures
    },
  }
}

/** The failure as what may be shown. */
export function toFailure(error: unknown): { readonly error: CountersignError; readonly status: number | undefined } {
  if (error instanceof RequestFailure) return { error: error.error, status: error.status }
  if (error instanceof CountersignError) return { error, status: undefined }
  return { error: new CountersignError('fetch_failed', { cause: error }), status: undefined }
}

function refused(reason: string): CountersignError {
  return new CountersignError('response_refused', { reason })
}
