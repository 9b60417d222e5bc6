import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createProofMemory } from './replay.ts'

test('V-22: no key is claimed twice while it could be presented, whatever the clock does, in bounded memory', () => {
  const GENERATION = 90
  const step = fc.record({
    key: fc.integer({ min: 0, max: 6 }),
    life: fc.integer({ min: 1, max: GENERATION }),
    clock: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -4000, max: 4000 })),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (steps, limit) => {
      const memory = createProofMemory(limit, GENERATION)
      const claimed = new Set<string>()
      let now = 1_000_000
      for (const { key, life, clock } of steps) {
        now += clock
        // As for a proof: its end is part of what is signed.
        const validUntil = now + life
        const name = `${key}-${validUntil}`
        for (let again = 0; again < 2; again++) {
          const answer = memory.claim(name, validUntil, now)
          if (answer === 'claimed') {
            assert.equal(claimed.has(name), false, name)
            claimed.add(name)
          }
        }
        // Everything that was ever claimed, and would still pass for its time, is presented again.
        for (const old of claimed) {
          const end = Number(old.split('-')[1])
          if (end > now) assert.notEqual(memory.claim(old, end, now), 'claimed')
        }
      }
    }),
  )
})

test('a memory that is full answers so until a generation has passed', () => {
  const memory = createProofMemory(2, 90)
  assert.equal(memory.claim('a', 160, 100), 'claimed')
  assert.equal(memory.claim('b', 160, 100), 'claimed')
  assert.equal(memory.claim('c', 160, 100), 'full')
  assert.equal(memory.claim('c', 249, 189), 'full')
  assert.equal(memory.claim('c', 250, 190), 'claimed')
  assert.equal(memory.claim('a', 160, 100), 'replayed')
})
