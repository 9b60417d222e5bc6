import type { HttpContext } from '../context.ts'

const CHUNK_BYTES = 16 * 1024

/**
 * Answers with text lines as they are produced, at the reader's pace. The first line is fetched before the headers go out, so that
 * a failure to start is an ordinary problem; a failure later cuts the connection, and what has arrived is visibly incomplete.
 */
export async function streamLines(
  c: HttpContext,
  lines: AsyncIterable<string>,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const init = { status: 200, headers: { 'content-type': 'application/jsonl', ...headers } }
  // A HEAD request must not start an export that nobody reads.
  if (c.req.method === 'HEAD') return new Response(null, init)
  const iterator = lines[Symbol.asyncIterator]()
  let next = await iterator.next()
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        let text = ''
        while (next.done !== true) {
          text += next.value
          next = await iterator.next()
          if (text.length >= CHUNK_BYTES) break
        }
        if (text !== '') controller.enqueue(Buffer.from(text))
        if (next.done === true) controller.close()
      } catch {
        // The cause stays here: the adapter would write an error's message into the answer.
        controller.error(new Error('the answer was cut short'))
      }
    },
    async cancel() {
      await iterator.return?.()
    },
  })
  return new Response(stream, init)
}
