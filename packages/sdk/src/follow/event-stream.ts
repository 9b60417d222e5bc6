/** One event of a stream. */
export interface StreamEvent {
  readonly event: string
  readonly data: string
}

/** Reads a stream of server-sent events piece by piece. */
export interface EventStreamParser {
  /**
   * The events that the bytes complete.
   * @throws RangeError when an event, or a line, is longer than the limit; TypeError when the bytes are not UTF-8
   */
  push(bytes: Uint8Array): StreamEvent[]
  /** How long the server asks to wait before the next connection, in milliseconds. */
  readonly retryMs: number | undefined
}

/**
 * A parser of `text/event-stream` (WHATWG HTML section 9.2.6), bounded. An event that the stream ends within is never returned.
 * Event ids are not kept: whoever reads again says by itself where to begin.
 */
export function createEventStreamParser({ maxLength }: { readonly maxLength: number }): EventStreamParser {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let line = ''
  let endedInCr = false
  let event = ''
  let data: string[] = []
  let length = 0
  let retryMs: number | undefined

  function take(text: string): StreamEvent | undefined {
    if (text === '') {
      const complete = data.length > 0 ? { event: event || 'message', data: data.join('\n') } : undefined
      event = ''
      data = []
      length = 0
      return complete
    }
    const colon = text.indexOf(':')
    // A comment: a sign of life.
    if (colon === 0) return undefined
    const field = colon === -1 ? text : text.slice(0, colon)
    const raw = colon === -1 ? '' : text.slice(colon + 1)
    const value = raw.startsWith(' ') ? raw.slice(1) : raw
    if (field === 'event') event = value
    if (field === 'data') {
      data.push(value)
      length += value.length
      if (length > maxLength) throw new RangeError('an event is too long')
    }
    if (field === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value)
    return undefined
  }

  return {
    push(bytes) {
      let text = decoder.decode(bytes, { stream: true })
      if (text === '') return []
      // The second half of a line end that was cut in two.
      if (endedInCr && text.startsWith('\n')) text = text.slice(1)
      endedInCr = text.endsWith('\r')
      const lines = text.split(/\r\n|\n|\r/)
      const last = lines.pop() ?? ''
      const events: StreamEvent[] = []
      for (const part of lines) {
        const complete = take(line + part)
        line = ''
        if (complete) events.push(complete)
      }
      line += last
      if (line.length > maxLength) throw new RangeError('a line is too long')
      return events
    },
    get retryMs() {
      return retryMs
    },
  }
}
