// Rotation of the key-encryption key: two halves, so that no process is ever refused for the order in which things are restarted.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cleanUp, openTestDatabase, type TestScope } from '../../../../../test/support/database.ts'
import { createEventLog } from '../../audit/index.ts'
import { ServiceError } from '../../errors.ts'
import { systemNow } from '../../lib/index.ts'
import { postJson } from '../../outbound/index.ts'
import { insertSetting, selectSettings } from '../store.ts'
import { createFileSeal } from './file.ts'
import { CHECK_SETTING, ENVELOPE_SETTING, openSeal, sealCheck } from './open.ts'
import type { SealProvider } from './provider.ts'
import { finishSealRotation, rotateSeal } from './rotate.ts'
import { readSealStatus } from './status.ts'
import { startTransitServer } from './transit.fixture.ts'
import { createTransitSeal } from './transit.ts'

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected

async function fixture(t: TestScope) {
  const database = await openTestDatabase(t)
  const directory = mkdtempSync(join(tmpdir(), 'countersign-seal-rotate-'))
  cleanUp(t, () => rmSync(directory, { recursive: true, force: true }))
  const mounted = (name: string) => {
    writeFileSync(join(directory, name), randomBytes(32), { mode: 0o600 })
    return createFileSeal({ path: join(directory, name), mayCreate: false })
  }
  const server = await startTransitServer(t)
  server.createKey('ours')
  writeFileSync(join(directory, 'token'), server.token, { mode: 0o600 })
  const transit = createTransitSeal(
    {
      ...{ address: server.address, key: 'ours', mount: 'transit', tokenFile: join(directory, 'token') },
      ...{ namespace: undefined, caFile: undefined },
    },
    { post: postJson, pause: async () => {} },
  )
  const deps = {
    database,
    eventLog: createEventLog({ database, now: systemNow }),
    now: systemNow,
    actor: 'local-command',
  }
  const open = (provider: SealProvider) => openSeal({ database, provider, now: systemNow })
  const settings = () => selectSettings(database.read, [ENVELOPE_SETTING, CHECK_SETTING])
  const kinds = async () =>
    (await database.read.selectFrom('events').select('kind').orderBy('id').execute()).map(({ kind }) => kind)
  return { database, directory, mounted, server, transit, deps, open, settings, kinds }
}

test('nothing changes when the present key does not open the database, or the next one cannot be used', async (t) => {
  const { mounted, server, transit, deps, open, settings, kinds } = await fixture(t)
  const current = mounted('kek')
  await open(current)
  const before = await settings()
  await assert.rejects(rotateSeal(deps, { current: mounted('other'), next: transit }), code('seal_key_wrong'))
  server.forbidden.add('decrypt')
  await assert.rejects(rotateSeal(deps, { current, next: transit }), code('seal_refused'))
  server.sealed = true
  await assert.rejects(rotateSeal(deps, { current, next: transit }), code('seal_unavailable'))
  assert.deepEqual(await settings(), before)
  assert.deepEqual(await kinds(), [])
})

test('a database that was never sealed has nothing to rotate, and is not sealed by trying', async (t) => {
  const { mounted, transit, deps, settings } = await fixture(t)
  await assert.rejects(rotateSeal(deps, { current: mounted('kek'), next: transit }), code('seal_key_missing'))
  await assert.rejects(finishSealRotation(deps, mounted('kek')), code('seal_key_missing'))
  assert.equal((await settings()).size, 0)
})

test('a third key is refused until the rotation is finished, and of two commands at once one is told', async (t) => {
  const { mounted, transit, deps, open } = await fixture(t)
  const [first, second] = [mounted('first'), mounted('second')]
  await open(first)
  const outcomes = await Promise.allSettled([
    rotateSeal(deps, { current: first, next: second }),
    rotateSeal(deps, { current: first, next: transit }),
  ])
  const refused = outcomes.find((outcome) => outcome.status === 'rejected')
  if (refused) assert.ok(code('conflict')(refused.reason))
  await rotateSeal(deps, { current: first, next: second }).catch((error: unknown) => assert.ok(code('conflict')(error)))
  await assert.rejects(
    Promise.all([
      rotateSeal(deps, { current: first, next: mounted('third') }),
      rotateSeal(deps, { current: first, next: mounted('fourth') }),
    ]),
    code('conflict'),
  )
})

test('between the halves both keys open it, to the same data-encryption key; afterwards the next one only', async (t) => {
  const { mounted, transit, deps, open, kinds } = await fixture(t)
  const current = mounted('kek')
  const { sealKey } = await open(current)
  const { opens } = await rotateSeal(deps, { current, next: transit })
  assert.deepEqual(
    opens.map(({ provider }) => provider),
    ['file', 'transit'],
  )
  for (const provider of [current, transit]) assert.equal((await open(provider)).sealKey.id, sealKey.id)
  const { closed } = await finishSealRotation(deps, transit)
  assert.deepEqual(
    closed.map(({ provider }) => provider),
    ['file'],
  )
  assert.equal((await open(transit)).sealKey.id, sealKey.id)
  await assert.rejects(open(current), code('seal_key_wrong'))
  assert.deepEqual(await kinds(), ['seal.rotated', 'seal.rotation_finished'])
  assert.deepEqual((await finishSealRotation(deps, transit)).closed, [])
  assert.equal((await kinds()).length, 2, 'nothing to do is nothing to record')
})

test('finishing with the old configuration keeps the old key: only what is configured is kept', async (t) => {
  const { mounted, transit, deps, open } = await fixture(t)
  const current = mounted('kek')
  await open(current)
  await rotateSeal(deps, { current, next: transit })
  await finishSealRotation(deps, current)
  await open(current)
  await assert.rejects(open(transit), code('seal_key_wrong'))
})

test('after a rotation inside the transit engine, wrapping anew takes the newest version and frees the old one', async (t) => {
  const { server, transit, deps, open } = await fixture(t)
  const { sealKey } = await open(transit)
  server.rotateKey('ours')
  const { opens } = await rotateSeal(deps, { current: transit, next: transit })
  assert.equal(opens.length, 1)
  server.trimKey('ours', 2)
  assert.equal((await open(transit)).sealKey.id, sealKey.id)
})

test('a database of an earlier version moves to an envelope, its key file stays the data-encryption key', async (t) => {
  const { database, mounted, transit, deps, open } = await fixture(t)
  const current = mounted('kek')
  const legacy = current.legacyDataKey?.() ?? new Uint8Array()
  await database.transaction((tx) => insertSetting(tx, CHECK_SETTING, sealCheck(legacy)))
  const before = await open(current)
  await assert.rejects(open(transit), code('seal_key_wrong'))
  await assert.rejects(finishSealRotation(deps, current), code('conflict'))
  await rotateSeal(deps, { current, next: transit })
  for (const provider of [current, transit]) assert.equal((await open(provider)).sealKey.id, before.sealKey.id)
  await finishSealRotation(deps, transit)
  await assert.rejects(open(current), code('seal_key_wrong'))
})

test('status tells the form, every key that opens, and why the configured one does not', async (t) => {
  const { database, mounted, server, transit, deps, open } = await fixture(t)
  const current = mounted('kek')
  assert.equal((await readSealStatus(database.read, current)).form, 'none')
  await open(current)
  await rotateSeal(deps, { current, next: transit })
  const status = await readSealStatus(database.read, transit)
  assert.deepEqual([status.form, status.opens, status.problem], ['envelope', true, undefined])
  assert.deepEqual(
    status.wrappings.map((wrapping) => [wrapping.provider, wrapping.current]),
    [
      ['file', false],
      ['transit', true],
    ],
  )
  server.token = 'expired'
  const refused = await readSealStatus(database.read, transit)
  assert.deepEqual([refused.opens, refused.problem?.code], [false, 'seal_refused'])
})
