import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { base32, editDistance, foldAsciiCase } from './index.ts'

/** The definition itself, in exponential time: for short words only. */
function distanceByDefinition(left: string, right: string): number {
  if (left === '' || right === '') return left.length + right.length
  const same = left[0] === right[0]
  const edits = [
    distanceByDefinition(left.slice(1), right) + 1,
    distanceByDefinition(left, right.slice(1)) + 1,
    distanceByDefinition(left.slice(1), right.slice(1)) + (same ? 0 : 1),
  ]
  if (left.length > 1 && right.length > 1 && left[0] === right[1] && left[1] === right[0]) {
    edits.push(distanceByDefinition(left.slice(2), right.slice(2)) + 1)
  }
  return Math.min(...edits)
}

test('property: an edit distance is that of the definition, and limit + 1 above the limit', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 })
  fc.assert(
    fc.property(word, word, fc.nat(5), (left, right, limit) => {
      assert.equal(editDistance(left, right, limit), Math.min(distanceByDefinition(left, right), limit + 1))
    }),
  )
})

test('only ASCII letters lose their case: names that Unicode folds together stay apart (T34)', () => {
  assert.equal(foldAsciiCase('ACME/Orders'), 'acme/orders')
  for (const text of ['ſ', '\u212a', 'É', 'İ', 'ß']) assert.equal(foldAsciiCase(text), text)
})

test('property: base32 is 5 bits to a character, most significant first, and different bytes give different text', () => {
  assert.equal(base32(new Uint8Array()), '')
  assert.equal(base32(Uint8Array.of(0xff, 0, 0, 0, 0x1f)), 'zw00000z')
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
  const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 })
  fc.assert(
    fc.property(bytes, (value) => {
      const number = BigInt(`0x${Buffer.from(value).toString('hex')}`)
      const back = [...base32(value)].reduce((sum, letter) => sum * 32n + BigInt(alphabet.indexOf(letter)), 0n)
      assert.equal(back, number)
    }),
  )
})
