import { setTimeout as pause } from 'node:timers/promises'
import { CountersignError } from '../errors.ts'
import { createEventStreamParser } from './event-stream.ts'
import type { FeedPage } from './lease-answer.ts'
import { toFailure } from './renewal.ts'
import type { Transport } from './transport.ts'
import { parseFeedPage } from './wire.ts'

/** Longest event, in characters; what is longer comes with the next renewal. */
const MAX_EVENT_LENGTH = 4 * 1_048_576
/** The server sends a sign of life every 10 seconds. */
const SILENCE_MS = 25_000
const MIN_BACKOFF_MS = 500
const MAX_BACKOFF_MS = 30_000
/** A stream that lasted this long was a good one. */
const GOOD_AFTER_MS = 5_000

/** What reading the stream needs. */
export interface StreamReaderDeps {
  readonly transport: Pick<Transport, 'stream'>
  readonly closing: AbortSignal
  /** Where to begin. */
  applied(): number
  onPage(page: FeedPage): void
  onOpened(): void
  /** The stream ended, failed, or was refused. What it had to say may be missing. */
  onClosed(error: CountersignError | undefined, status: number | undefined): void
}

/** Reads the event stream, again and again with growing pauses, until it is closed. Never rejects. */
export async function followStream(deps: StreamReaderDeps): Promise<void> {
  const { closing } = deps
  let backoffMs = MIN_BACKOFF_MS
  while (!closing.aborted) {
    const startedAt = performance.now()
    let askedMs = 0
    try {
      askedMs = (await readOnce(deps)) ?? 0
      if (!closing.aborted) deps.onClosed(undefined, undefined)
    } catch (caught) {
      const { error, status } = toFailure(caught)
      if (!closing.aborted) deps.onClosed(error, status)
    }
    backoffMs = performance.now() - startedAt > GOOD_AFTER_MS ? MIN_BACKOFF_MS : Math.min(backoffMs * 2, MAX_BACKOFF_MS)
    // Spread, so that the verifiers of a server that comes back do not all come at once.
    const waitMs = Math.min(Math.max(backoffMs, askedMs), MAX_BACKOFF_MS) * (0.5 + Math.random())
    await pause(waitMs, undefined, { ref: false, signal: closing }).catch(() => {})
  }
}

/** Reads one stream to its end; resolves to how long the server asks to wait. */
async function readOnce({ transport, closing, applied, onPage, onOpened }: StreamReaderDeps) {
  const end = new AbortController()
  const stop = () => end.abort()
  closing.addEventListener('abort', stop, { once: true })
  let silence: NodeJS.Timeout | undefined
  try {
    const response = await transport.stream(applied(), end.signal)
    if (!/^text\/event-stream *(?:;|$)/i.test(response.headers.get('content-type') ?? '')) {
      throw refused('it is not an event stream')
    }
    onOpened()
    const parser = createEventStreamParser({ maxLength: MAX_EVENT_LENGTH })
    const listen = () => {
      clearTimeout(silence)
      silence = setTimeout(() => end.abort(refused('nothing was heard for too long')), SILENCE_MS).unref()
    }
    listen()
    for await (const bytes of response.body ?? []) {
      listen()
      for (const { event, data } of parse(parser.push, bytes)) {
        if (event === 'entries') onPage(parseFeedPage(parseJson(data)))
      }
    }
    return parser.retryMs
  } finally {
    clearTimeout(silence)
    closing.removeEventListener('abort', stop)
    // Whatever has not been read is not waited for.
    end.abort()
  }
}

function parse(push: (bytes: Uint8Array) => { event: string; data: string }[], bytes: Uint8Array) {
  try {
    return push(bytes)
  } catch {
    throw refused('it is no text, or an event is too long')
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refused('an event is not JSON')
  }
}

function refused(reason: string): CountersignError {
  return new CountersignError('response_refused', { reason: `the event stream: ${reason}` })
}
