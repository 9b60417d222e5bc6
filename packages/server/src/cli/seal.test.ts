// The runbooks of docs/how-to: the key-encryption key rotated and lost, on the database itself, through the command line.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cleanUp, createTestTarget, type TestScope } from '../../../../test/support/database.ts'
import { startTransitServer } from '../signing-keys/seal/transit.fixture.ts'
import { runLine } from './testing/run-line.ts'

async function installation(t: TestScope) {
  const cwd = mkdtempSync(join(tmpdir(), 'cs-seal-'))
  cleanUp(t, () => rmSync(cwd, { recursive: true, force: true }))
  const target = await createTestTarget(t)
  const dataDirectory = 'embedded' in target ? target.embedded.directory : join(cwd, 'data')
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  const url = 'postgres' in target ? target.postgres.url : undefined
  if (url !== undefined) writeFileSync(join(cwd, 'url'), url, { mode: 0o600 })
  const database = url === undefined ? {} : { urlFile: join(cwd, 'url') }
  const config = (name: string, seal: object, more: object = {}) => {
    const listen = { port: 0 }
    writeFileSync(
      join(cwd, name),
      JSON.stringify({ issuer: 'http://127.0.0.1:8700', listen, dataDirectory, database, seal, ...more }),
    )
  }
  const keyFile = (name: string) => writeFileSync(join(cwd, name), randomBytes(32), { mode: 0o600 })
  const run = (...line: string[]) => runLine(line, { cwd })
  /** Starts the server and stops it as soon as it is ready. */
  const start = (configFile: string) =>
    runLine(['serve', '--config', configFile], {
      cwd,
      env: { COUNTERSIGN_LOG__LEVEL: 'silent' },
      signal: AbortSignal.abort('SIGTERM'),
    })
  const status = async (configFile: string) =>
    JSON.parse((await run('seal', 'status', '--config', configFile, '-o', 'json')).stdout) as {
      form: string
      opens: boolean
      wrappings: { provider: string }[]
    }
  return { cwd, dataDirectory, config, keyFile, run, start, status }
}

test('a seal is not reset by half a word: reason, the long option and consent are all needed', async (t) => {
  const { config, keyFile, run, start } = await installation(t)
  keyFile('kek')
  config('a.yaml', { file: 'kek' })
  assert.equal((await start('a.yaml')).exit, 0)
  for (const line of [
    ['seal', 'reset', '--config', 'a.yaml', '--yes', '--destroy-private-keys'],
    ['seal', 'reset', '--config', 'a.yaml', '--yes', '--reason', 'fire'],
    ['seal', 'reset', '--config', 'a.yaml', '--destroy-private-keys', '--reason', 'fire'],
    ['seal', 'rotate', '--config', 'a.yaml', '--to', 'b.yaml', '--finish'],
  ]) {
    assert.equal((await run(...line)).exit, 2, line.join(' '))
  }
  assert.equal((await start('a.yaml')).exit, 0)
})

test('rotation: both configurations start between the halves, only the next one afterwards', async (t) => {
  const { config, keyFile, run, start, status } = await installation(t)
  keyFile('kek')
  keyFile('kek-2027')
  config('a.yaml', { file: 'kek' })
  config('b.yaml', { file: 'kek-2027' })
  assert.equal((await start('a.yaml')).exit, 0)
  const rotated = await run('seal', 'rotate', '--config', 'a.yaml', '--to', 'b.yaml')
  assert.equal(rotated.exit, 0, rotated.stderr)
  assert.match(rotated.stderr, /then run `countersign seal rotate --finish` with it/)
  assert.equal((await status('a.yaml')).wrappings.length, 2)
  for (const file of ['a.yaml', 'b.yaml']) assert.equal((await start(file)).exit, 0, file)
  const finished = await run('seal', 'rotate', '--config', 'b.yaml', '--finish')
  assert.equal(finished.exit, 0, finished.stderr)
  assert.match(finished.stdout, /and no more with file/)
  assert.equal((await start('b.yaml')).exit, 0)
  const refused = await start('a.yaml')
  assert.equal(refused.exit, 2)
  assert.match(refused.stderr, /\(seal_key_wrong\)/)
  assert.equal((await run('seal', 'status', '--config', 'a.yaml')).exit, 1)
})

test('the next configuration must be of the same database, and a variable does not stand in for its key', async (t) => {
  const { cwd, config, keyFile, run, start } = await installation(t)
  keyFile('kek')
  keyFile('kek-2027')
  config('a.yaml', { file: 'kek' })
  config('b.yaml', { file: 'kek-2027' })
  config('other.yaml', { file: 'kek-2027' }, { dataDirectory: join(cwd, 'elsewhere'), database: {} })
  assert.equal((await start('a.yaml')).exit, 0)
  assert.equal((await run('seal', 'rotate', '--config', 'a.yaml', '--to', 'other.yaml')).exit, 5)
  assert.equal(existsSync(join(cwd, 'elsewhere')), false)
  const env = { COUNTERSIGN_SEAL__FILE: join(cwd, 'kek') }
  const rotated = await runLine(['seal', 'rotate', '--config', 'a.yaml', '--to', 'b.yaml', '-o', 'json'], { cwd, env })
  assert.equal((JSON.parse(rotated.stdout) as { opens: unknown[] }).opens.length, 2, rotated.stderr)
})

test('loss: without the key nothing starts; after the reset it does, with new keys, and the log verifies (R-16)', async (t) => {
  const { cwd, config, keyFile, run, start, status } = await installation(t)
  keyFile('kek')
  config('a.yaml', { file: 'kek' })
  assert.equal((await start('a.yaml')).exit, 0)
  rmSync(join(cwd, 'kek'))
  const refused = await start('a.yaml')
  assert.equal(refused.exit, 2)
  assert.match(refused.stderr, /\(seal_key_missing\)/)
  assert.equal((await status('a.yaml')).opens, false)
  keyFile('kek')
  assert.match((await start('a.yaml')).stderr, /\(seal_key_wrong\)/)
  const reset = await run(
    ...['seal', 'reset', '--config', 'a.yaml', '--destroy-private-keys', '--reason', 'fire', '--yes', '-o', 'json'],
  )
  assert.equal(reset.exit, 0, reset.stderr)
  const { abandoned, made } = JSON.parse(reset.stdout) as { abandoned: unknown[]; made: { purpose: string }[] }
  assert.equal(abandoned.length, 3)
  assert.deepEqual(made.map(({ purpose }) => purpose).sort(), ['access_token', 'checkpoint', 'receipt'])
  assert.equal((await start('a.yaml')).exit, 0)
  assert.deepEqual([(await status('a.yaml')).opens, (await status('a.yaml')).form], [true, 'envelope'])
  const key = readFileSync(join(cwd, 'kek')).toString('base64url')
  assert.ok(!`${refused.stderr}${reset.stdout}${reset.stderr}`.includes(key))
})

test('seal commands on a data directory that does not exist make none', async (t) => {
  const { cwd, config, run } = await installation(t)
  config('none.yaml', {}, { dataDirectory: join(cwd, 'nowhere'), database: {} })
  for (const line of [
    ['seal', 'status', '--config', 'none.yaml'],
    ['seal', 'rotate', '--config', 'none.yaml'],
  ]) {
    assert.equal((await run(...line)).exit, 2, line.join(' '))
  }
  assert.equal(existsSync(join(cwd, 'nowhere')), false)
})

test('a transit engine that is away: no server starts, the one that runs goes on and makes keys, status tells', async (t) => {
  const { cwd, config, run, start } = await installation(t)
  const bao = await startTransitServer(t)
  bao.createKey('ours')
  writeFileSync(join(cwd, 'token'), bao.token, { mode: 0o600 })
  config('a.yaml', { provider: 'transit', transit: { address: bao.address.origin, key: 'ours', tokenFile: 'token' } })
  bao.sealed = true
  const refused = await start('a.yaml')
  assert.equal(refused.exit, 3)
  assert.match(refused.stderr, /is sealed; unseal it \(seal_unavailable\)/)
  bao.sealed = false
  const stop = new AbortController()
  const env = { COUNTERSIGN_LOG__LEVEL: 'silent' }
  const serving = runLine(['serve', '--config', 'a.yaml'], { cwd, env, signal: stop.signal })
  try {
    const deadline = Date.now() + 30_000
    while ((await run('whoami', '--config', 'a.yaml')).exit !== 0) assert.ok(Date.now() < deadline)
    assert.equal((await run('seal', 'status', '--config', 'a.yaml')).exit, 0)
    bao.sealed = true
    const status = await run('seal', 'status', '--config', 'a.yaml')
    assert.equal(status.exit, 1)
    assert.match(status.stdout, /is sealed; unseal it/)
    const rotated = await run('signing-keys', 'rotate', '--now', '--yes', '--config', 'a.yaml')
    assert.equal(rotated.exit, 0, rotated.stderr)
  } finally {
    stop.abort('SIGTERM')
    assert.equal((await serving).exit, 0)
  }
  bao.sealed = false
  bao.token = 'expired'
  const expired = await start('a.yaml')
  assert.equal(expired.exit, 2)
  assert.match(expired.stderr, /has expired, or its policy lacks `update` on transit\/decrypt\/ours.* \(seal_refused\)/)
})
