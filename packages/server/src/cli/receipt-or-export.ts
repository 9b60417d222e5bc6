/** The largest receipt; anything larger can only be an export, which is read in constant memory. */
const MAX_RECEIPT_BYTES = 64 * 1024 * 1024
const LINE_FEED = 0x0a

/**
 * Reads a file as far as it takes to know what it is. An export is told by its first line, which is a JSON object by itself; of
 * anything else the whole is read, unless it is too large for a receipt.
 */
export async function readReceiptOrExport(
  source: AsyncIterable<Uint8Array>,
  looksLikeReceipt: (text: string) => boolean,
): Promise<{ readonly receipt: Uint8Array } | { readonly lines: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]()
  const read: Uint8Array[] = []
  let bytes = 0
  let hasLine = false
  for (;;) {
    const { done, value } = await iterator.next()
    if (done) break
    read.push(value)
    bytes += value.length
    if (bytes > MAX_RECEIPT_BYTES) return { lines: resume(read, iterator) }
    if (!hasLine && value.includes(LINE_FEED)) {
      hasLine = true
      const first = Buffer.concat(read)
      const line = first.subarray(0, first.indexOf(LINE_FEED)).toString('utf8')
      if (isObject(line) && !looksLikeReceipt(line)) return { lines: resume(read, iterator) }
    }
  }
  const whole = Buffer.concat(read)
  return looksLikeReceipt(whole.toString('utf8')) ? { receipt: whole } : { lines: resume([whole], iterator) }
}

async function* resume(read: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* read
  for (;;) {
    const { done, value } = await rest.next()
    if (done) return
    yield value
  }
}

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}
