import { Buffer } from 'node:buffer'
import { MAX_LINE_CHARACTERS } from './export-format.ts'

const NEWLINE = 0x0a

/**
 * Splits the bytes of an export into its lines. Only LF ends a line: node:readline also ends one at CR and U+2028, which an
 * entry may hold. A line that is not UTF-8 or is too long comes out as text that is not JSON, so that verification names it
 * instead of failing. A last line without LF is a line too.
 */
export async function* readExportLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of source) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield lineOf([...parts, chunk.subarray(start, end)], length + end - start)
      parts = []
      length = 0
      start = end + 1
    }
    length += chunk.length - start
    // Beyond the longest line nothing is kept: memory stays constant whatever the file holds.
    if (length <= MAX_LINE_BYTES && start < chunk.length) parts.push(chunk.subarray(start))
  }
  if (length > 0) yield lineOf(parts, length)
}

// A UTF-16 unit takes at most three bytes of UTF-8.
const MAX_LINE_BYTES = 3 * MAX_LINE_CHARACTERS

function lineOf(parts: readonly Uint8Array[], length: number): string {
  if (length > MAX_LINE_BYTES) return '(a line that is too long)'
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts))
  } catch (error) {
    if (error instanceof TypeError) return '(a line that is not UTF-8)'
    throw error
  }
}
