import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lowestId, newId, timeOfId } from './index.ts'

const instant = fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true })

test('text that is no id has no time', () => {
  for (const text of [
    '',
    'jti_',
    'jti_01jz8m2q4c',
    'jti_01jz8m2q4c6e8g0j2m4p6r8t0u',
    'JTI_01jz8m2q4c6e8g0j2m4p6r8t0v',
  ]) {
    assert.equal(timeOfId(text), undefined)
  }
  fc.assert(fc.property(fc.string(), (text) => void timeOfId(text)))
})

test('an id tells when it was made, and lies within the bounds of its instant', () => {
  fc.assert(
    fc.property(instant, (at) => {
      const id = newId('jti', at)
      assert.equal(timeOfId(id)?.getTime(), at.getTime())
      assert.ok(lowestId('jti', at) < id)
      assert.ok(id < lowestId('jti', new Date(at.getTime() + 1)))
    }),
  )
})
