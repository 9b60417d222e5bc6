import { CountersignError, type CountersignErrorCode } from '../errors.ts'
import { AnswerError } from './answer-error.ts'
import { type Clock, waitFor } from './clock.ts'
import type { Exchange, ExchangedToken } from './exchange.ts'
import { notify } from './notify.ts'
import type { AccessToken, CredentialClientOptions, TokenOptions } from './types.ts'

const REFRESH_AT = 0.8
const REFRESH_JITTER = 0.1
/** Tokens are not used in the last tenth of their life, at most in the last 10 s: clocks differ, and requests take time. */
const LEEWAY = { share: 0.1, maxMs: 10_000 }
/** How long a failure is remembered, so that callers do not repeat it at once. */
const REFUSAL_MS = 5000
const FAILURE_MS = 1000
const BACKOFF = { firstMs: 5000, maxMs: 60_000 }

/** Failures that are cheap to find again, and may be over at once. */
const NOT_REMEMBERED: ReadonlySet<CountersignErrorCode> = new Set(['no_proof', 'proof_invalid'])

interface Held {
  readonly token: AccessToken
  readonly endsMonotonicMs: number
  readonly endsAtMs: number
  readonly refreshMonotonicMs: number
  readonly refreshAtMs: number
}

/** What the holder needs. */
export interface TokenHolderDeps
  extends Required<Pick<CredentialClientOptions, 'keepFresh' | 'random' | 'onToken' | 'onRefreshFailed'>> {
  readonly exchange: Exchange
  readonly clock: Clock
}

/** The one token of a client, and the one exchange that may be under way for it. */
export interface TokenHolder {
  token(options?: TokenOptions): Promise<AccessToken>
  /** The token to use in place of one that an API has refused: the one at hand if it is another, else a fresh one. */
  replace(refused: AccessToken, signal: AbortSignal | undefined): Promise<AccessToken>
  close(): void
}

/**
 * Keeps a token and refreshes it in the background before it ends; the old one is used meanwhile, but never in its last moments.
 * Both clocks must agree that a token is valid: the monotonic one, so that a wall clock set back keeps no token alive, and the wall
 * clock, since a suspended machine does not count monotonically.
 */
export function createTokenHolder(deps: TokenHolderDeps): TokenHolder {
  const { exchange, clock, random, keepFresh, onToken, onRefreshFailed } = deps
  const closing = new AbortController()
  let held: Held | undefined
  let underWay: Promise<AccessToken> | undefined
  let failure: { error: CountersignError; atMs: number; forMs: number } | undefined
  let failures = 0
  let nextRefreshMs = Number.NEGATIVE_INFINITY
  let isUsed = false
  let cancelTimer = (): void => undefined

  function usable(): Held | undefined {
    const { endsMonotonicMs = 0, endsAtMs = 0 } = held ?? {}
    return clock.monotonicMs() < endsMonotonicMs && clock.now().getTime() < endsAtMs ? held : undefined
  }

  function remembered(): CountersignError | undefined {
    const ageMs = clock.monotonicMs() - (failure?.atMs ?? 0)
    return failure !== undefined && ageMs >= 0 && ageMs < failure.forMs ? failure.error : undefined
  }

  // Shared by whoever asks while it is under way; it ends with the client, never with a caller.
  function exchangeOnce(): Promise<AccessToken> {
    if (underWay !== undefined) return underWay
    const started = exchange(closing.signal)
      .then(keep, fail)
      .finally(() => {
        underWay = undefined
      })
    // Every caller may have gone by the time it fails.
    started.catch(() => undefined)
    underWay = started
    return started
  }

  function keep(exchanged: ExchangedToken): AccessToken {
    closing.signal.throwIfAborted()
    held = hold(exchanged, random)
    failure = undefined
    failures = 0
    nextRefreshMs = Number.NEGATIVE_INFINITY
    isUsed = false
    schedule(held.refreshMonotonicMs - clock.monotonicMs())
    const { token } = held
    notify(() => onToken(token))
    return token
  }

  function fail(error: unknown): never {
    if (error instanceof CountersignError && !closing.signal.aborted) {
      failure = { error, atMs: clock.monotonicMs(), forMs: memoryOf(error) }
    }
    throw error
  }

  function refresh(): void {
    if (underWay !== undefined || remembered() !== undefined || clock.monotonicMs() < nextRefreshMs) return
    exchangeOnce().catch((error: unknown) => {
      if (closing.signal.aborted) return
      // 5 s, 10 s, ... 60 s, half of it by chance, and not before the server asks to.
      const backoffMs = Math.min(BACKOFF.maxMs, BACKOFF.firstMs * 2 ** Math.min(failures, 10))
      const waitMs = Math.max(backoffMs * (0.5 + random() / 2), failure?.forMs ?? 0)
      failures += 1
      nextRefreshMs = clock.monotonicMs() + waitMs
      if (keepFresh || usable() !== undefined) schedule(waitMs)
      if (error instanceof CountersignError) notify(() => onRefreshFailed(error))
    })
  }

  // A client that nobody uses lets its token end: exchanges for nobody fill the audit log.
  function schedule(delayMs: number): void {
    cancelTimer()
    const work = () => {
      if (keepFresh || isUsed) refresh()
    }
    cancelTimer = clock.setTimer(work, Math.max(0, delayMs), true)
  }

  async function token({ signal, fresh = false }: TokenOptions = {}): Promise<AccessToken> {
    closing.signal.throwIfAborted()
    signal?.throwIfAborted()
    const current = usable()
    if (current !== undefined && !fresh) {
      isUsed = true
      const isDue = clock.monotonicMs() >= current.refreshMonotonicMs || clock.now().getTime() >= current.refreshAtMs
      if (isDue) refresh()
      return current.token
    }
    const error = underWay === undefined ? remembered() : undefined
    if (error !== undefined) throw error
    const result = await waitFor(exchangeOnce(), signal)
    isUsed = true
    return result
  }

  return {
    token,
    replace(refused, signal) {
      const current = usable()?.token
      const isOther = current !== undefined && current.accessToken !== refused.accessToken
      return token({ fresh: !isOther, ...(signal === undefined ? {} : { signal }) })
    },
    close() {
      cancelTimer()
      held = undefined
      closing.abort(new CountersignError('client_closed'))
    },
  }
}

function hold(exchanged: ExchangedToken, random: () => number): Held {
  const { accessToken, tokenType, lifetimeSeconds, scopes, eventId, sentAt, sentMonotonicMs } = exchanged
  const lifetimeMs = lifetimeSeconds * 1000
  const usableMs = lifetimeMs - Math.min(LEEWAY.maxMs, lifetimeMs * LEEWAY.share)
  const refreshMs = lifetimeMs * REFRESH_AT * (1 - REFRESH_JITTER + 2 * REFRESH_JITTER * random())
  const startedMs = sentAt.getTime()
  return {
    token: Object.freeze({
      accessToken,
      tokenType,
      expiresAt: new Date(startedMs + lifetimeMs),
      lifetimeSeconds,
      scopes: Object.freeze([...scopes]),
      ...(eventId === undefined ? {} : { eventId }),
    }),
    endsMonotonicMs: sentMonotonicMs + usableMs,
    endsAtMs: startedMs + usableMs,
    refreshMonotonicMs: sentMonotonicMs + refreshMs,
    refreshAtMs: startedMs + refreshMs,
  }
}

function memoryOf(error: CountersignError): number {
  if (error.code === 'exchange_refused') return REFUSAL_MS
  if (NOT_REMEMBERED.has(error.code)) return 0
  return Math.max(FAILURE_MS, error.cause instanceof AnswerError ? (error.cause.retryAfterMs ?? 0) : 0)
}
