import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64url } from './base64url.ts'

// What canonical means, said in the other way: node encodes in one way only, so canonical text is what survives the round trip.
function byRoundTrip(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

const ALPHABET = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']

test('V-02: text that is not canonical base64url has no bytes', () => {
  const refused = ['A', 'AAAAA', 'AB', 'AAB', 'A=', 'AA==', 'AAA=', 'AA+A', 'AA/A', 'AA A', 'AA\nA', ' AAAA', 'AAAA\n']
  // Characters whose low byte is of the alphabet: a decoder of bytes would take them for it.
  for (const text of [...refused, '\u0141AAA', 'AA\u0141', 'AAA\u0100', '\ud83dAAA', 'AAA\u0000']) {
    assert.equal(decodeBase64url(text), undefined, JSON.stringify(text))
  }
})

test('V-02: every last character of every length is judged as the round trip judges it', () => {
  for (const head of ['', 'A', 'AA', 'AAA', '__-a']) {
    for (const last of ALPHABET) {
      assert.deepEqual(decodeBase64url(head + last), byRoundTrip(head + last), head + last)
    }
  }
  assert.deepEqual(decodeBase64url(''), Buffer.alloc(0))
})

test('V-02: for any text at all, the answer is that of the round trip', () => {
  const near = fc
    .array(
      fc.oneof(
        { weight: 30, arbitrary: fc.constantFrom(...ALPHABET) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
      ),
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
      assert.deepEqual(decodeBase64url(text), byRoundTrip(text))
    }),
    { numRuns: 20_000 },
  )
})

test('V-02: all bytes come back from their text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.deepEqual(decodeBase64url(Buffer.from(bytes).toString('base64url')), Buffer.from(bytes))
    }),
    { numRuns: 5_000 },
  )
})
