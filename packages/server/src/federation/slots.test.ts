import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlots } from './slots.ts'

const proof = new Uint8Array([1, 2, 3])
const at = (minute: number) => new Date(minute * 60_000 + 59_999)

test('offers exactly as many slots as the limit, and none when they are known to be taken (S-07)', () => {
  const slots = createSlots()
  assert.deepEqual([...slots.candidates(proof, { maxUses: 3 }, at(0))], [0, 1, 2])
  slots.taken(proof, 1)
  assert.deepEqual([...slots.candidates(proof, { maxUses: 3 }, at(0))], [2])
  slots.taken(proof, 2)
  assert.deepEqual([...slots.candidates(proof, { maxUses: 3 }, at(0))], [])
  assert.deepEqual([...slots.candidates(new Uint8Array([9]), { maxUses: 1 }, at(0))], [0])
})

test('slots of one minute never meet those of another', () => {
  const slots = createSlots()
  const first = [...slots.candidates(proof, { usesPerMinute: 4 }, at(7))]
  const second = [...slots.candidates(proof, { usesPerMinute: 4 }, at(8))]
  assert.deepEqual(first, [28, 29, 30, 31])
  assert.deepEqual(second, [32, 33, 34, 35])
})

test('a lower slot never brings back a higher one', () => {
  const slots = createSlots()
  slots.taken(proof, 5)
  slots.taken(proof, 2)
  assert.deepEqual([...slots.candidates(proof, { maxUses: 7 }, at(0))], [6])
})
