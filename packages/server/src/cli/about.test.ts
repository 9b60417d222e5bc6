import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERRORS, ServiceError } from '../errors.ts'
import { CLI_FAULTS, toFault } from './faults.ts'
import { runLine } from './testing/run-line.ts'

test('every code of the error tables is documented offline', async () => {
  for (const code of [...Object.keys(ERRORS), ...Object.keys(CLI_FAULTS)]) {
    const { exit, stdout } = await runLine(['errors', code])
    assert.equal(exit, 0, code)
    assert.match(stdout, new RegExp(`^code +${code}\nmeans +.+`))
  }
  assert.equal(
    new Set([...Object.keys(ERRORS), ...Object.keys(CLI_FAULTS)]).size,
    Object.keys(ERRORS).length + Object.keys(CLI_FAULTS).length,
  )
})

test('an unknown code is exit 1 with the nearest one', async () => {
  const { exit, stderr } = await runLine(['errors', 'no_matching_polcy'])
  assert.equal(exit, 1)
  assert.match(stderr, /did you mean no_matching_policy\?/)
})

test('the list of codes can be read by programs', async () => {
  const { items } = JSON.parse((await runLine(['errors', '-o', 'json'])).stdout)
  for (const item of items)
    assert.deepEqual(Object.keys(item), ['id', 'code', 'title', 'fix', 'status', 'oauth', 'exit'])
})

test('version is that of the package, as command and as flag', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.equal(JSON.parse((await runLine(['version', '-o', 'json'])).stdout).version, version)
  assert.equal((await runLine(['--version'])).stdout, `countersign ${version}   node ${process.versions.node}\n`)
})

test('T29: an error that nobody foresaw tells its kind only, never its message', () => {
  const fault = toFault(Object.assign(new Error('Bearer canary-value'), { code: 'canary value' }))
  assert.ok(!JSON.stringify({ ...fault, cause: undefined }).includes('canary'))
  assert.equal(fault.exit, 2)
  const known = toFault(new ServiceError('store_unavailable', { internal: 'postgres://user:canary@db' }))
  assert.ok(!JSON.stringify({ ...known, cause: undefined }).includes('canary'))
  assert.equal(known.exit, 3)
})
