import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { printable } from './printable.ts'

describe('printable text (A-12)', () => {
  it('forges no line, escape sequence or reading direction', () => {
    for (const [text, expected] of [
      ['a\r\nforged line', 'a\\r\\nforged line'],
      ['\u001b[2J\u001b]0;title\u0007', '\\u001b[2J\\u001b]0;title\\u0007'],
      ['\u009b31m', '\\u009b31m'],
      ['user\u202etxt.exe', 'user\\u202etxt.exe'],
      ['\u2066\u2069\u200b\ufeff\u00ad', '\\u2066\\u2069\\u200b\\ufeff\\u00ad'],
      ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
      ['\u{e0041}', '\\u{e0041}'],
      ['\ud800', '\\ud800'],
      ['tab\there\u007f\u0000', 'tab\\there\\u007f\\u0000'],
      ['\\n is not a newline', '\\\\n is not a newline'],
    ] as const) {
      assert.equal(printable(text), expected)
    }
  })

  it('leaves ordinary text of any script as it is', () => {
    for (const text of ['', 'repo:acme/orders:ref:refs/heads/main', 'Zürich 東京 Ελλάδα', '😀'])
      assert.equal(printable(text), text)
  })

  it('holds no control, format or separator character, whatever comes in, and no two texts become one', () => {
    const seen = new Map<string, string>()
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const output = printable(text)
        assert.doesNotMatch(output, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
        assert.equal(seen.get(output) ?? text, text)
        seen.set(output, text)
      }),
    )
  })
})
