import { CountersignError, isCountersignError } from '../errors.ts'
import { AnswerError } from './answer-error.ts'
import { type Clock, sleep } from './clock.ts'
import type { DpopBinding } from './dpop-binding.ts'
import type { Settings } from './options.ts'
import { isPassing, type Requester, send, timedOut } from './request.ts'
import { findProof } from './sources/index.ts'
import { parseTokenAnswer, type TokenAnswer } from './token-answer.ts'
import { createTokenEndpoint } from './token-endpoint.ts'

const TYPE = 'urn:ietf:params:oauth:token-type:'
const BUDGET_MS = 10_000
const FIRST_WAIT_MS = 400
const LONGEST_WAIT_MS = 2000

/** A token, and when it was asked for: its life is counted from there, by both clocks. */
export interface ExchangedToken extends TokenAnswer {
  readonly sentAt: Date
  readonly sentMonotonicMs: number
}

/** What an exchange needs. */
export interface ExchangeDeps {
  readonly settings: Settings
  readonly requester: Requester
  readonly random: () => number
  /** Binds the tokens, when they are to be bound. */
  readonly dpop: DpopBinding | undefined
}

/** Exchanges a proof for a token. @throws CountersignError; the signal's reason when it is aborted */
export type Exchange = (signal: AbortSignal) => Promise<ExchangedToken>

/**
 * One RFC 8693 exchange, tried again only where that can help: when no connection was made, and after 429, 502, 503 and 504. At most
 * `tries` times with full jitter, or as long as Retry-After says, within 10 s in all (`timeoutMs` when that is longer). Each try reads the proof anew: an earlier one may
 * have used it up although no answer came.
 */
export function createExchange({ settings, requester, random, dpop }: ExchangeDeps): Exchange {
  const { clock } = requester
  const endpoint = createTokenEndpoint(settings, requester)

  return async (signal) => {
    const deadline = clock.monotonicMs() + Math.max(BUDGET_MS, settings.timeoutMs)
    for (let attempt = 1; ; attempt++) {
      try {
        return await exchangeOnce(signal, deadline)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        // A refusal comes from a token endpoint; anything else may be because it has moved.
        if (!isCountersignError(error, 'exchange_refused')) endpoint.forget()
        if (attempt >= settings.tries || !isPassing(error)) throw error
        const waitMs = Math.max(askedWait(error) ?? 0, jitter(attempt, random))
        if (clock.monotonicMs() + waitMs >= deadline) throw error
        await sleep(clock, waitMs, signal)
      }
    }
  }

  async function exchangeOnce(signal: AbortSignal, deadline: number): Promise<ExchangedToken> {
    const nonce = dpop?.nonceFor(settings.server)
    try {
      return await post(signal, deadline)
    } catch (error) {
      // RFC 9449 section 8: the answer has brought the nonce that it asks for. Once: a server that asks again is never satisfied.
      if (dpop === undefined || !asksForNonce(error) || dpop.nonceFor(settings.server) === nonce) throw error
      return await post(signal, deadline)
    }
  }

  async function post(signal: AbortSignal, deadline: number): Promise<ExchangedToken> {
    const timeLeft = () => Math.max(1, Math.min(settings.timeoutMs, deadline - clock.monotonicMs()))
    const url = await endpoint.locate(signal, timeLeft())
    const rawProof = await obtainProof(signal, timeLeft())
    const sent = { sentAt: clock.now(), sentMonotonicMs: clock.monotonicMs() }
    const answer = await send(
      { ...requester, timeoutMs: timeLeft() },
      {
        url,
        init: {
          method: 'POST',
          headers: {
            accept: 'application/json',
            'content-type': 'application/x-www-form-urlencoded',
            ...(dpop === undefined ? {} : { dpop: dpop.prove({ method: 'POST', url }) }),
          },
          body: formOf(settings, rawProof),
        },
        codes: { unavailable: 'exchange_unavailable', refused: 'response_refused' },
        signal,
      },
    )
    dpop?.noteNonce(url, answer.headers)
    const tokenType = dpop === undefined ? 'Bearer' : 'DPoP'
    return { ...parseTokenAnswer(answer, { tokenType, scopes: settings.scopes, now: clock.now() }), ...sent }
  }

  async function obtainProof(signal: AbortSignal, timeoutMs: number): Promise<string> {
    const late = timedOut('proof_unavailable', 'no source answered in time')
    return await within(clock, timeoutMs, late, signal, (limited) =>
      findProof(settings.sources, { audience: settings.proofAudience, fetch: requester.fetch, signal: limited }),
    )
  }
}

async function within<Value>(
  clock: Clock,
  timeoutMs: number,
  late: CountersignError,
  signal: AbortSignal,
  work: (limited: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const end = new AbortController()
  const onAbort = () => end.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const cancelTimer = clock.setTimer(() => end.abort(late), timeoutMs)
  try {
    return await work(end.signal)
  } finally {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
  }
}

function formOf(settings: Settings, rawProof: string): string {
  const { audience, resource, scopes, ttlSeconds } = settings
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: rawProof,
    subject_token_type: `${TYPE}jwt`,
    requested_token_type: `${TYPE}access_token`,
  })
  if (audience !== undefined) form.set('audience', audience)
  if (resource !== undefined) form.set('resource', resource)
  if (scopes.length > 0) form.set('scope', scopes.join(' '))
  if (ttlSeconds !== undefined) form.set('expires_in', String(ttlSeconds))
  return form.toString()
}

function jitter(attempt: number, random: () => number): number {
  return random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1))
}

function askedWait(error: unknown): number | undefined {
  const cause = error instanceof CountersignError ? error.cause : undefined
  return cause instanceof AnswerError ? cause.retryAfterMs : undefined
}

function asksForNonce(error: unknown): boolean {
  const cause = error instanceof CountersignError ? error.cause : undefined
  return cause instanceof AnswerError && cause.oauthError === 'use_dpop_nonce'
}
