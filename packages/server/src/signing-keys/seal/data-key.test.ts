import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { ServiceError } from '../../errors.ts'
import { createSealKey } from './data-key.ts'

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected

test('refuses a sealed value when any byte of it was changed (G-01)', () => {
  const key = createSealKey(randomBytes(32))
  const sealed = key.seal(Buffer.from('private half'), 'row 1')
  for (let index = 0; index < sealed.length; index += 1) {
    const changed = Buffer.from(sealed)
    changed[index] = (changed[index] ?? 0) ^ 1
    assert.throws(() => key.open(changed, 'row 1'), code('seal_key_wrong'))
  }
})

test('refuses a sealed value of another row, another key, or cut short', () => {
  const key = createSealKey(randomBytes(32))
  const sealed = key.seal(Buffer.from('private half'), 'row 1')
  assert.throws(() => key.open(sealed, 'row 2'), code('seal_key_wrong'))
  assert.throws(() => createSealKey(randomBytes(32)).open(sealed, 'row 1'), code('seal_key_wrong'))
  assert.throws(() => key.open(sealed.subarray(0, 20), 'row 1'), code('seal_key_wrong'))
  assert.throws(() => key.open(new Uint8Array(), 'row 1'), code('seal_key_wrong'))
})

test('opens what it sealed, and never seals twice alike', () => {
  const key = createSealKey(randomBytes(32))
  const plain = randomBytes(100)
  const sealed = key.seal(plain, 'row 1')
  assert.deepEqual(Buffer.from(key.open(sealed, 'row 1')), plain)
  assert.notDeepEqual(key.seal(plain, 'row 1'), sealed)
})
