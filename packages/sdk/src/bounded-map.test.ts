import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBoundedMap } from './bounded-map.ts'

test('a bounded map never holds more than twice its limit, and never answers with a wrong value', () => {
  const step = fc.tuple(fc.constantFrom('get', 'set', 'delete'), fc.integer({ min: 0, max: 12 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const map = createBoundedMap<number>(3)
      const truth = new Map<string, number>()
      let next = 0
      for (const [act, number] of steps) {
        const key = String(number)
        if (act === 'set') {
          map.set(key, ++next)
          truth.set(key, next)
          assert.equal(map.get(key), next)
        } else if (act === 'delete') {
          map.delete(key)
          truth.delete(key)
          assert.equal(map.get(key), undefined)
        } else {
          const value = map.get(key)
          if (value !== undefined) assert.equal(value, truth.get(key))
        }
        assert.ok(map.size <= 6)
      }
    }),
  )
})

test('what is asked for stays while others come and go', () => {
  const map = createBoundedMap<string>(4)
  map.set('kept', 'v')
  for (let i = 0; i < 1000; i++) {
    map.set(`other-${i}`, 'x')
    assert.equal(map.get('kept'), 'v')
  }
  map.clear()
  assert.equal(map.size, 0)
})
