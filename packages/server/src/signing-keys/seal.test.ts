import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { createSealKey, loadSealKey } from './seal.ts'

const directory = mkdtempSync(join(tmpdir(), 'countersign-seal-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

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

test('refuses a key file that is missing, too short, or readable by others', () => {
  assert.throws(() => loadSealKey({ path: join(directory, 'absent'), create: false }), code('seal_key_missing'))
  const short = join(directory, 'short')
  writeFileSync(short, 'abc\n', { mode: 0o600 })
  assert.throws(() => loadSealKey({ path: short, create: true }), code('seal_key_wrong'))
  const open = join(directory, 'open')
  loadSealKey({ path: open, create: true })
  chmodSync(open, 0o604)
  assert.throws(() => loadSealKey({ path: open, create: false }), code('seal_key_wrong'))
})

test('makes a key file once, for its owner only, and reads it back', () => {
  const path = join(directory, 'kek')
  const made = loadSealKey({ path, create: true })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(loadSealKey({ path, create: true }).id, made.id)
  const raw = join(directory, 'raw')
  writeFileSync(raw, Buffer.from(readFileSync(path, 'latin1').trim(), 'base64url'), { mode: 0o600 })
  assert.equal(loadSealKey({ path: raw, create: false }).id, made.id)
})
