// G-01, R-16: which key opens a database, and what every other one is told.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { cleanUp, openTestDatabase, type TestScope } from '../../../../../test/support/database.ts'
import { ServiceError } from '../../errors.ts'
import { systemNow } from '../../lib/index.ts'
import { insertSetting } from '../store.ts'
import { createSealKey } from './data-key.ts'
import { formatEnvelope, parseEnvelope } from './envelope.ts'
import { createFileSeal } from './file.ts'
import { CHECK_SETTING, ENVELOPE_SETTING, openSeal, sealCheck, unsealStored, wrapDataKey } from './open.ts'
import type { SealProvider } from './provider.ts'

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected

async function fixture(t: TestScope) {
  const database = await openTestDatabase(t)
  const directory = mkdtempSync(join(tmpdir(), 'countersign-seal-open-'))
  cleanUp(t, () => rmSync(directory, { recursive: true, force: true }))
  const file = (name: string, mayCreate = false) => createFileSeal({ path: join(directory, name), mayCreate })
  const mount = (name: string) => writeFileSync(join(directory, name), randomBytes(32), { mode: 0o600 })
  const setting = async (name: string) =>
    (await database.read.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst())?.value
  const open = (provider: SealProvider) => openSeal({ database, provider, now: systemNow })
  return { database, directory, file, mount, setting, open }
}

test('a sealed database is not opened without its key, and no key is made in its place', async (t) => {
  const { directory, file, open } = await fixture(t)
  await open(file('kek', true))
  rmSync(join(directory, 'kek'))
  await assert.rejects(open(file('kek', true)), code('seal_key_missing'))
  assert.equal(existsSync(join(directory, 'kek')), false)
})

test('a mounted key that is missing is not made, and the database stays as it was', async (t) => {
  const { file, open, setting } = await fixture(t)
  await assert.rejects(open(file('mounted')), code('seal_key_missing'))
  assert.equal(await setting(ENVELOPE_SETTING), undefined)
})

test('another key opens nothing, whatever it is', async (t) => {
  const { file, mount, open } = await fixture(t)
  mount('first')
  mount('second')
  await open(file('first'))
  await assert.rejects(open(file('second')), code('seal_key_wrong'))
  const transit: SealProvider = {
    ...file('second'),
    name: 'transit',
    location: 'transit key ours at https://bao.acme.example',
  }
  await assert.rejects(open(transit), (error: unknown) => {
    assert.ok(code('seal_key_wrong')(error) && error instanceof ServiceError)
    assert.match(error.detail ?? '', /sealed under a key file, not under transit key ours/)
    return true
  })
})

test('an envelope that was damaged, exchanged for that of another database, or is of a newer version opens nothing', async (t) => {
  const { database, file, mount, open } = await fixture(t)
  mount('kek')
  const { envelope } = await open(file('kek'))
  assert.ok(envelope)
  const replace = (value: string) =>
    database.transaction((tx) =>
      tx.updateTable('settings').set({ value }).where('name', '=', ENVELOPE_SETTING).execute(),
    )
  const foreign = await wrapDataKey(file('kek'), randomBytes(32))
  for (const value of [
    '',
    '{}',
    'null',
    formatEnvelope(envelope).replace('"version":1', '"version":2'),
    formatEnvelope({ wrappings: [] }),
    formatEnvelope({ wrappings: [{ ...foreign, at: new Date() }] }),
  ]) {
    await replace(value)
    await assert.rejects(open(file('kek')), code('seal_key_wrong'), value)
  }
  await replace(formatEnvelope(envelope))
  await open(file('kek'))
})

test('a provider that cannot decrypt what it encrypts seals nothing: the database would be locked for good', async (t) => {
  const { file, mount, open, setting } = await fixture(t)
  mount('kek')
  const provider = file('kek')
  const forgetful: SealProvider = { ...provider, unwrap: async () => randomBytes(32) }
  await assert.rejects(open(forgetful), code('seal_refused'))
  const forbidden: SealProvider = { ...provider, unwrap: () => Promise.reject(new ServiceError('seal_refused')) }
  await assert.rejects(open(forbidden), code('seal_refused'))
  assert.equal(await setting(ENVELOPE_SETTING), undefined)
  assert.equal(await setting(CHECK_SETTING), undefined)
})

test('two processes that start at once agree on one data-encryption key', async (t) => {
  const { file, mount, open } = await fixture(t)
  mount('kek')
  const opened = await Promise.all([open(file('kek')), open(file('kek')), open(file('kek'))])
  assert.equal(new Set(opened.map(({ sealKey }) => sealKey.id)).size, 1)
})

test('of two replicas with keys of their own the second stops, and the first goes on (R-16)', async (t) => {
  const { file, mount, open } = await fixture(t)
  mount('a')
  mount('b')
  const outcomes = await Promise.allSettled([open(file('a')), open(file('b'))])
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('neither the data-encryption key nor the key file is in the database (G-01)', async (t) => {
  const { database, directory, file, open } = await fixture(t)
  const { dataKey } = await open(file('kek', true))
  const rows = JSON.stringify(await database.read.selectFrom('settings').selectAll().execute())
  for (const encoding of ['base64', 'base64url', 'hex'] as const) {
    assert.ok(!rows.includes(Buffer.from(dataKey).toString(encoding)))
  }
  assert.ok(!rows.includes(readFileSync(join(directory, 'kek'), 'utf8').trim()))
})

test('a database that an earlier version sealed directly under its key file keeps opening, and with no other key', async (t) => {
  const { database, file, mount, open, setting } = await fixture(t)
  mount('kek')
  mount('other')
  const legacy = file('kek').legacyDataKey?.() ?? new Uint8Array()
  const sealed = createSealKey(legacy).seal(Buffer.from('private half'), 'row 1')
  await database.transaction((tx) => insertSetting(tx, CHECK_SETTING, sealCheck(legacy)))
  await assert.rejects(open(file('other')), code('seal_key_wrong'))
  const { sealKey, envelope } = await open(file('kek'))
  assert.equal(Buffer.from(sealKey.open(sealed, 'row 1')).toString(), 'private half')
  assert.equal(envelope, undefined)
  assert.equal(await setting(ENVELOPE_SETTING), undefined)
})

test('a database that was never sealed is not opened by a command that looks for a seal', async (t) => {
  const { database, file, mount } = await fixture(t)
  mount('kek')
  await assert.rejects(unsealStored(database.read, file('kek')), code('seal_key_missing'))
})

test('an envelope is read as it was written, and any other text is none', () => {
  const wrapping = fc.record(
    {
      provider: fc.constantFrom('file' as const, 'transit' as const),
      keyId: fc.string(),
      wrapped: fc.string(),
      at: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.array(wrapping, { minLength: 1, maxLength: 3 }), (wrappings) => {
      assert.deepEqual(parseEnvelope(formatEnvelope({ wrappings })), { wrappings })
    }),
  )
  fc.assert(fc.property(fc.json(), (text) => parseEnvelope(text) === undefined))
  for (const bad of [
    '{"version":1,"wrappings":[{"provider":"other","key_id":"a","wrapped":"b","at":"2026-01-01T00:00:00Z"}]}',
    '{"version":1,"wrappings":[{"provider":"file","key_id":"a","wrapped":"b","at":"never"}]}',
    '{"version":1,"wrappings":[{"provider":"file","key_id":1,"wrapped":"b","at":"2026-01-01T00:00:00Z"}]}',
    '{"version":1,"wrappings":[null]}',
  ]) {
    assert.equal(parseEnvelope(bad), undefined)
  }
})
