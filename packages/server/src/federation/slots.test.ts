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
  assert.deepEqual(first, [70_000, 70_001, 70_002, 70_003])
  assert.deepEqual(second, [80_000, 80_001, 80_002, 80_003])
})

test('limits of different policies count the same uses of a minute: the total is the highest of them, not their sum', () => {
  const minute = 29_400_000
  const slots = (usesPerMinute: number) => [...createSlots().candidates(proof, { usesPerMinute }, at(minute))]
  const all = new Set([...slots(20), ...slots(19), ...slots(5), ...slots(1)])
  assert.equal(all.size, 20)
})

test('uses under a higher limit do not refuse a proof under a lower one in later minutes', () => {
  const slots = createSlots()
  const minute = 29_400_000
  for (const slot of slots.candidates(proof, { usesPerMinute: 20 }, at(minute))) slots.taken(proof, slot)
  assert.deepEqual([...slots.candidates(proof, { usesPerMinute: 5 }, at(minute))], [])
  assert.equal([...slots.candidates(proof, { usesPerMinute: 5 }, at(minute + 1))].length, 5)
})

test('a clock that is set back costs lost slots, not every use until it has caught up', () => {
  const slots = createSlots()
  const [later = 0] = slots.candidates(proof, { usesPerMinute: 5 }, at(60))
  slots.taken(proof, later)
  assert.equal([...slots.candidates(proof, { usesPerMinute: 5 }, at(0))].length, 5)
})

test('a lower slot never brings back a higher one', () => {
  const slots = createSlots()
  slots.taken(proof, 5)
  slots.taken(proof, 2)
  assert.deepEqual([...slots.candidates(proof, { maxUses: 7 }, at(0))], [6])
})
