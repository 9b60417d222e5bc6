import { CountersignError, type CountersignErrorCode } from '../errors.ts'
import { AnswerError } from './answer-error.ts'
import { type Clock, waitFor } from './clock.ts'

/** Longest accepted answer, in bytes. */
const MAX_ANSWER_BYTES = 65_536

/** A whole answer, read within its limits. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
}

/** How requests to a server or a platform are made. */
export interface Requester {
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly timeoutMs: number
}

/** The codes with which a request fails. */
export interface RequestCodes {
  /** No answer, no whole answer, or none in time. */
  readonly unavailable: CountersignErrorCode
  /** An answer beyond the limits. */
  readonly refused: CountersignErrorCode
}

/**
 * One request and its whole answer, without redirects, within the time and 64 KiB. The time covers the body too: a server that
 * drips must not hold the caller.
 * @throws CountersignError with one of the codes; the signal's reason when it is aborted
 */
export async function send(
  { fetch, clock, timeoutMs }: Requester,
  input: { readonly url: URL; readonly init: RequestInit; readonly codes: RequestCodes; readonly signal: AbortSignal },
): Promise<Answer> {
  const { signal, codes } = input
  signal.throwIfAborted()
  const end = new AbortController()
  const onAbort = () => end.abort(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const late = timedOut(codes.unavailable, 'no whole answer came in time')
  const cancelTimer = clock.setTimer(() => end.abort(late), timeoutMs)
  try {
    // Also a fetch that ignores its signal ends here.
    return await waitFor(read(fetch, input.url, { ...input.init, signal: end.signal }, codes), end.signal)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof CountersignError) throw error
    const reason = isNotConnected(error) ? 'no connection can be made' : 'the connection broke'
    throw new CountersignError(codes.unavailable, { reason, cause: error })
  } finally {
    cancelTimer()
    signal.removeEventListener('abort', onAbort)
    // Whatever has not been read is not waited for.
    end.abort()
  }
}

async function read(fetch: typeof globalThis.fetch, url: URL, init: RequestInit, codes: RequestCodes): Promise<Answer> {
  // A redirect would choose where the proof goes next.
  const response = await fetch(url, { ...init, redirect: 'manual', cache: 'no-store', credentials: 'omit' })
  return { status: response.status, headers: response.headers, body: await readBody(response, codes.refused) }
}

/** The error of a time limit, whose cause can be told from others by its name. */
export function timedOut(code: CountersignErrorCode, reason: string): CountersignError {
  return new CountersignError(code, { reason, cause: new DOMException('the time is over', 'TimeoutError') })
}

/** A body of at most 64 KiB. @throws CountersignError with the code when it is larger */
export async function readBody(response: Response, code: CountersignErrorCode): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new CountersignError(code, { reason: 'the answer is too large' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Failures in which no request can have reached a server. */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Whether the failure, or what caused it, happened before a connection was made. */
export function isNotConnected(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if ('code' in cause && NOT_CONNECTED.has(cause.code)) return true
    // A host with several addresses fails with one error for each.
    if (cause instanceof AggregateError && cause.errors.length > 0 && cause.errors.every(isNotConnected)) return true
  }
  return false
}

/** Statuses that say that the same request may succeed soon. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Whether sending again soon can help: no connection was made, or the answer was 429, 502, 503 or 504. */
export function isPassing(error: unknown): boolean {
  const cause = error instanceof CountersignError ? error.cause : undefined
  return (cause instanceof AnswerError && PASSING.has(cause.status)) || isNotConnected(cause)
}
