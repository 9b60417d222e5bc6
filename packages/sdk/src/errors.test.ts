import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { COUNTERSIGN_ERROR_CODES, CountersignError, type CountersignErrorCode, isCountersignError } from './errors.ts'

const source = import.meta.dirname

test('V-21: the loggable form holds the code, the fixed message and no cause', () => {
  const error = new CountersignError('keys_unavailable', { cause: new Error('c4n4ry'), eventId: 'evt_1' })
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    name: 'CountersignError',
    code: 'keys_unavailable',
    message: 'the keys of the issuer could not be obtained',
    retryable: true,
    eventId: 'evt_1',
  })
  assert.doesNotMatch(JSON.stringify({ error, list: [error] }), /c4n4ry/)
  assert.equal(Object.hasOwn(new CountersignError('token_expired'), 'eventId'), false)
  assert.equal(new CountersignError('token_expired').cause, undefined)
})

test('errors are recognised by class and code', () => {
  const error = new CountersignError('token_expired')
  assert.equal(isCountersignError(error), true)
  assert.equal(isCountersignError(error, 'token_expired'), true)
  assert.equal(isCountersignError(error, 'key_unknown'), false)
  for (const other of [
    new Error('x'),
    { code: 'token_expired', name: 'CountersignError' },
    null,
    undefined,
    'token_expired',
  ]) {
    assert.equal(isCountersignError(other), false)
  }
})

test('every code is raised somewhere in the sources and named in a test', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const textOf = (wanted: (file: string) => boolean) =>
    files
      .filter((file) => wanted(file) && !file.startsWith('errors'))
      .map((file) => readFileSync(join(source, file), 'utf8'))
      .join('\n')
  const sources = textOf((file) => !/\.(test|fixture)\.ts$/.test(file))
  const tests = textOf((file) => file.endsWith('.test.ts'))
  for (const code of Object.keys(COUNTERSIGN_ERROR_CODES) as CountersignErrorCode[]) {
    assert.ok(sources.includes(`'${code}'`), `${code} is never raised`)
    assert.ok(tests.includes(`'${code}'`), `${code} is never tested`)
  }
})
