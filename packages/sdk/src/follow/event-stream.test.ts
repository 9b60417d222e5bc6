import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createEventStreamParser, type StreamEvent } from './event-stream.ts'

function read(text: string | Uint8Array, sizes: readonly number[] = []): StreamEvent[] {
  const parser = createEventStreamParser({ maxLength: 1000 })
  const bytes = Buffer.from(text)
  const events: StreamEvent[] = []
  let at = 0
  for (const size of sizes) {
    events.push(...parser.push(bytes.subarray(at, at + size)))
    at += size
  }
  events.push(...parser.push(bytes.subarray(at)))
  return events
}

test('an event that is not ended by an empty line is never returned', () => {
  assert.deepEqual(read('data: x'), [])
  assert.deepEqual(read('data: x\n'), [])
  assert.deepEqual(read('event: entries\n\n'), [])
  assert.deepEqual(read(': comment\n\n'), [])
})

test('a line or an event beyond the limit, and what is not UTF-8, is thrown', () => {
  assert.throws(() => read('x'.repeat(1001)), RangeError)
  assert.throws(() => read(`data: ${'x'.repeat(600)}\n`.repeat(2)), RangeError)
  assert.throws(() => read(Uint8Array.of(0x64, 0xff, 0x0a)), TypeError)
  // Comments do not add up.
  assert.deepEqual(read(`: ${'x'.repeat(600)}\n`.repeat(50)), [])
})

test('WHATWG HTML 9.2.6: line ends, fields, and spaces', () => {
  assert.deepEqual(read('event: entries\r\ndata:a\rdata: b\ndata\n\r\ndata:  c\n\n'), [
    { event: 'entries', data: 'a\nb\n' },
    { event: 'message', data: ' c' },
  ])
  assert.deepEqual(read('\uFEFFdata: x\n\n'), [{ event: 'message', data: 'x' }])
})

test('the server says how long to wait, in digits', () => {
  const parser = createEventStreamParser({ maxLength: 100 })
  parser.push(Buffer.from('retry: soon\n\n'))
  assert.equal(parser.retryMs, undefined)
  parser.push(Buffer.from('retry: 1500\n\n'))
  assert.equal(parser.retryMs, 1500)
})

test('however the bytes are cut into pieces, the events are the same', () => {
  const piece = fc.constantFrom('data: é€😀', 'data: x', 'event: entries', ': c', 'id: 7', 'data', '', '')
  const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, lineEnd)), fc.array(fc.integer({ min: 0, max: 9 })), (lines, sizes) => {
      const text = lines.flat().join('')
      assert.deepEqual(read(text, sizes), read(text))
    }),
    { numRuns: 1000 },
  )
})
