import type { Actor } from '../../admin/index.ts'
import type { HttpContext } from '../context.ts'

const HEARTBEAT_MS = 10_000
/** A reader that takes nothing for so many heartbeats is cut. */
const MAX_MISSED = 3
/** Bytes that may lie between the stream and the connection. Beyond it nothing is added until the reader has taken some. */
const BUFFER_BYTES = 256 * 1024
// WHATWG HTML section 9.2.6: how long a reader waits before it connects again.
const OPENING = 'retry: 1000\n\n'
const HEARTBEAT = ':\n\n'

/** One event: its id is where a reader goes on from after a break. */
export interface StreamedEvent {
  readonly id: string
  readonly event: string
  /** One line. */
  readonly data: string
}

/** Where events come from. */
export interface EventSource {
  /** The next event; undefined when there will be none. */
  next(): Promise<StreamedEvent | undefined>
  /** Ends it: a call of `next` that waits gets undefined. */
  close(): void
}

/** What streaming needs beside the source; tests shorten the times. */
export interface EventStreamOptions {
  readonly actor: Actor
  readonly now: () => Date
  readonly heartbeatMs?: number
}

/**
 * Answers with server-sent events (WHATWG HTML section 9.2) until the source ends, the reader leaves or takes nothing, or the
 * reader's credential no longer holds. Memory per reader is bounded: what it has not taken is not made.
 */
export function streamEvents(c: HttpContext, source: EventSource, options: EventStreamOptions): Response {
  const headers = {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Proxies that would hold events back until they have a page full of them.
    'x-accel-buffering': 'no',
  }
  if (c.req.method === 'HEAD') {
    source.close()
    return new Response(null, { status: 200, headers })
  }
  return new Response(createBody(source, options), { status: 200, headers })
}

function createBody(source: EventSource, { actor, now, heartbeatMs = HEARTBEAT_MS }: EventStreamOptions) {
  let drained = Promise.withResolvers<void>()
  let left = false
  const leave = () => {
    left = true
    source.close()
    drained.resolve()
  }

  /** How long until the reader is looked at again: a heartbeat, or the end of its token if that is sooner. */
  function restMs(): number {
    const untilExpiry = (actor.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) - now().getTime()
    return Math.max(0, Math.min(heartbeatMs, untilExpiry))
  }

  function isCurrent(): boolean {
    // Its token would be refused for the next request; so is what is left of this one (invariant 7).
    return (actor.expiresAt === undefined || actor.expiresAt > now()) && actor.isCurrent?.() !== false
  }

  /** Returns when there is nothing more to say, or to nobody. */
  async function run(controller: ReadableStreamDefaultController<Uint8Array>): Promise<'ended' | 'too_slow'> {
    const write = (text: string) => controller.enqueue(Buffer.from(text))
    const isFull = () => (controller.desiredSize ?? 0) <= 0
    write(OPENING)
    let pending = source.next()
    let missed = 0
    while (!left && isCurrent()) {
      if (isFull()) {
        drained = Promise.withResolvers()
        const took = await within(drained.promise, restMs())
        missed = took === undefined ? missed + 1 : 0
        if (missed >= MAX_MISSED) return 'too_slow'
        continue
      }
      const outcome = await within(pending, restMs())
      if (left || !isCurrent()) break
      if (outcome === undefined) {
        write(HEARTBEAT)
        continue
      }
      const { value: event } = outcome
      if (event === undefined) break
      write(`event: ${event.event}\nid: ${event.id}\ndata: ${event.data}\n\n`)
      pending = source.next()
    }
    return 'ended'
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        void run(controller)
          // The cause stays here: the adapter would write an error's message into the answer. The reader connects again.
          .catch(() => 'ended' as const)
          .then((end) => {
            const cancelled = left
            leave()
            if (cancelled) return
            // What the reader has not taken goes with the connection.
            if (end === 'too_slow') controller.error(new Error('the reader is too slow'))
            else controller.close()
          })
      },
      pull() {
        drained.resolve()
      },
      cancel() {
        leave()
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
  )
}

/** What a promise resolves to, or undefined when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<{ readonly value: T } | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), ms)
  try {
    return await Promise.race([promise.then((value) => ({ value })), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
