import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ServiceError } from '../../errors.ts'
import { createKeyFile, readKeyFile } from './key-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'countersign-seal-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected

test('refuses a key file that is missing, too short, or readable by others', () => {
  assert.throws(() => readKeyFile(join(directory, 'absent')), code('seal_key_missing'))
  const short = join(directory, 'short')
  writeFileSync(short, 'abc\n', { mode: 0o600 })
  assert.throws(() => readKeyFile(short), code('seal_key_wrong'))
  const open = join(directory, 'open')
  createKeyFile(open)
  chmodSync(open, 0o604)
  assert.throws(() => readKeyFile(open), code('seal_key_wrong'))
})

test('makes a key file once, for its owner only, and reads it back', () => {
  const path = join(directory, 'kek')
  createKeyFile(path)
  const made = readKeyFile(path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  createKeyFile(path)
  assert.deepEqual(readKeyFile(path), made)
  const raw = join(directory, 'raw')
  writeFileSync(raw, Buffer.from(readFileSync(path, 'latin1').trim(), 'base64url'), { mode: 0o600 })
  assert.deepEqual(Buffer.from(readKeyFile(raw)), Buffer.from(made))
})
