import type { AccessToken, CredentialClient } from '../credentials/index.ts'
import { CountersignError, isCountersignError } from '../errors.ts'
import { parseStrictJsonObject } from '../jws/index.ts'

/** Longest accepted answer, in bytes. A page has 500 entries, or one revision whole. */
const MAX_ANSWER_BYTES = 16 * 1_048_576
/** For a token: longer than a request, since an exchange may be tried again. */
const TOKEN_TIMEOUT_MS = 10_000
const END_TIMEOUT_MS = 1000

/** A request that failed, with the server's status when it answered. */
export class RequestFailure extends Error {
  readonly error: CountersignError
  readonly status: number | undefined

  constructor(error: CountersignError, status?: number) {
    super(error.message, { cause: error })
    this.error = error
    this.status = status
  }
}

/** What the transport needs. */
export interface TransportDeps {
  readonly server: string
  readonly instance: string
  readonly credentials: Pick<CredentialClient, 'token'>
  readonly fetch: typeof fetch
  readonly timeoutMs: number
  /** Ends whatever is under way. */
  readonly closing: AbortSignal
}

/** The requests of a follower: bounded in time and size, never redirected, each with a token. */
export interface Transport {
  /**
   * Asks for a lease. `body` is called right before it is sent, once more when it is sent again: it reads the clocks.
   * @throws RequestFailure
   */
  lease(body: () => unknown): Promise<unknown>
  /** The event stream after a revision; whoever reads it ends it by the signal. @throws RequestFailure */
  stream(after: number, signal: AbortSignal): Promise<Response>
  /** Tells the server that the lease has ended, for at most a second; nobody waits for more. */
  endLease(): Promise<void>
}

/** Creates the transport over `fetch`. */
export function createTransport(deps: TransportDeps): Transport {
  const { server, instance, credentials, timeoutMs, closing } = deps
  const leaseUrl = `${server}/v1/verifiers/${instance}/lease`

  async function authorization(fresh: boolean, signal: AbortSignal): Promise<string> {
    const token: AccessToken = await limited(TOKEN_TIMEOUT_MS, signal, (end) =>
      credentials.token(fresh ? { fresh, signal: end } : { signal: end }),
    )
    if (token.tokenType !== 'Bearer') {
      throw failure('configuration_invalid', '"credentials" of a follower must not use dpop')
    }
    return `Bearer ${token.accessToken}`
  }

  /** Sends, and once more with a fresh token when the one at hand is no longer accepted. */
  async function send<Result>(
    signal: AbortSignal,
    once: (authorization: string) => Promise<{ readonly status: number; readonly result: Result }>,
  ): Promise<Result> {
    let answer = await once(await authorization(false, signal))
    if (answer.status === 401) answer = await once(await authorization(true, signal))
    if (answer.status === 200 || answer.status === 204) return answer.result
    throw new RequestFailure(
      new CountersignError('fetch_failed', { reason: `the server answered ${answer.status}` }),
      answer.status,
    )
  }

  const request = (url: string, init: RequestInit): Promise<Response> =>
    // A redirect would choose where the token goes next.
    deps.fetch(url, { ...init, redirect: 'error', cache: 'no-store', credentials: 'omit' })

  return {
    lease: (body) =>
      failures(() =>
        send(closing, (authorization) =>
          limited(timeoutMs, closing, async (signal) => {
            const response = await request(leaseUrl, {
              method: 'POST',
              headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
              body: JSON.stringify(body()),
              signal,
            })
            const { status } = response
            if (status === 200) return { status, result: await readJson(response) }
            await discard(response)
            return { status, result: undefined }
          }),
        ),
      ),
    stream: (after, signal) =>
      failures(() =>
        send(signal, async (authorization) => {
          const response = await limited(timeoutMs, signal, (end) =>
            request(`${server}/v1/revocations?after=${after}`, {
              headers: { authorization, accept: 'text/event-stream' },
              // The time limit is for the head of the answer; the body has no end.
              signal: AbortSignal.any([signal, end]),
            }),
          )
          if (response.status === 200) return { status: 200, result: response }
          await discard(response)
          return { status: response.status, result: response }
        }),
      ),
    async endLease() {
      try {
        await limited(END_TIMEOUT_MS, undefined, async (signal) => {
          const response = await request(leaseUrl, {
            method: 'DELETE',
            headers: { authorization: await authorization(false, signal) },
            signal,
          })
          await discard(response)
        })
      } catch {
        // The lease runs out by itself, and receipts wait for that.
      }
    },
  }
}

/** Runs work with a signal that aborts after a time, or with another signal; the result does not wait for work that ignores it. */
async function limited<T>(ms: number, outer: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>) {
  const end = new AbortController()
  const gaveUp = Promise.withResolvers<never>()
  const stop = (error: CountersignError) => {
    gaveUp.reject(error)
    end.abort(error)
  }
  const onAbort = () => stop(new CountersignError('fetch_failed', { reason: 'the request was ended' }))
  const timer = setTimeout(() => stop(new CountersignError('fetch_timeout', { reason: 'no answer came in time' })), ms)
  outer?.addEventListener('abort', onAbort, { once: true })
  if (outer?.aborted) onAbort()
  try {
    return await Promise.race([work(end.signal), gaveUp.promise])
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', onAbort)
  }
}

async function failures<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RequestFailure) throw error
    if (isCountersignError(error)) throw new RequestFailure(error)
    throw new RequestFailure(new CountersignError('fetch_failed', { reason: 'the connection failed', cause: error }))
  }
}

async function readJson(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new CountersignError('response_refused', { reason: 'the answer is too large' })
    chunks.push(chunk)
  }
  return parseStrictJsonObject(Buffer.concat(chunks), { malformed: 'response_refused', tooLarge: 'response_refused' })
}

async function discard(response: Response): Promise<void> {
  // Not read, so that nothing of it has to be bounded.
  await response.body?.cancel().catch(() => {})
}

function failure(code: 'configuration_invalid', reason: string): RequestFailure {
  return new RequestFailure(new CountersignError(code, { reason }))
}
