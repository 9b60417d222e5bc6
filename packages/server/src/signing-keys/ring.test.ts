import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { DAY, createRingFixture as fixture } from './ring.fixture.ts'
import { createSealKey } from './seal/index.ts'

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected

test('does not open the keys of a database with another seal key (G-01)', async (t) => {
  const { open } = await fixture(t)
  await open()
  await assert.rejects(open({ sealKey: createSealKey(randomBytes(32)) }), code('seal_key_wrong'))
})

test('two processes that start at once make one active key per ring', async (t) => {
  const { database, open } = await fixture(t)
  const rings = await Promise.all([open(), open(), open()])
  const active = await database.read.selectFrom('signing_keys').select('kid').where('state', '=', 'active').execute()
  assert.equal(active.length, 3, 'one for access tokens, one for checkpoints, one for receipts')
  assert.equal(new Set(rings.map((ring) => ring.active().kid)).size, 1)
})

test('the key set holds no key of checkpoints or receipts, no private member and no key that is not published (G-05, G-08)', async (t) => {
  const { open } = await fixture(t)
  const ring = await open()
  const { keys } = ring.jwks()
  assert.deepEqual(
    keys.map((key) => [key['kid'], key['alg'], key['use']]),
    [[ring.active().kid, 'ES256', 'sig']],
  )
  for (const key of keys) assert.ok(!('d' in key))
  const kids = [ring.active().kid, ring.checkpointSigner().kid, ring.receiptSigner().kid]
  assert.equal(new Set(kids).size, 3)
  assert.deepEqual(
    ring.receiptPublicKeys().map(({ kid, publicKey }) => [kid, publicKey.length]),
    [[ring.receiptSigner().kid, 32]],
  )
  assert.ok(!ring.checkpointPublicKeys().some(({ kid }) => kid === ring.receiptSigner().kid))
})

test('rotates with publish-ahead: the next key is in the set a day before it signs, the old one stays for its tokens (G-02)', async (t) => {
  const { clock, leader, open } = await fixture(t)
  const ring = await open()
  const first = ring.active().kid
  clock.now = new Date(clock.now.getTime() + 29 * DAY)
  assert.equal(await ring.rotate(leader), 1)
  assert.equal(ring.active().kid, first)
  assert.equal(ring.jwks().keys.length, 2)
  clock.now = new Date(clock.now.getTime() + DAY)
  await ring.rotate(leader)
  const second = ring.active().kid
  assert.notEqual(second, first)
  assert.equal(ring.jwks().keys.length, 2)
  clock.now = new Date(clock.now.getTime() + 3_600_000)
  await ring.rotate(leader)
  assert.deepEqual(
    ring.jwks().keys.map((key) => key['kid']),
    [second],
  )
})

test('destroys the private half of a removed key and records every step', async (t) => {
  const { clock, database, leader, open } = await fixture(t)
  const ring = await open()
  const first = ring.active().kid
  for (const days of [29, 1, 1, 1]) {
    clock.now = new Date(clock.now.getTime() + days * DAY)
    await ring.rotate(leader)
  }
  const row = await database.read.selectFrom('signing_keys').selectAll().where('kid', '=', first).executeTakeFirst()
  assert.equal(row?.state, 'destroyed')
  assert.equal(row?.sealed_private, null)
  const events = await database.read.selectFrom('events').select('kind').execute()
  const kinds = events.map((event) => event.kind)
  for (const kind of ['published', 'activated', 'retired', 'removed', 'destroyed']) {
    assert.ok(kinds.includes(`signing_key.${kind}`), kind)
  }
})

test('another process follows a rotation through the revision log', async (t) => {
  const { clock, leader, open } = await fixture(t)
  const [mine, theirs] = [await open(), await open()]
  for (const days of [29, 1]) {
    clock.now = new Date(clock.now.getTime() + days * DAY)
    await mine.rotate(leader)
  }
  const deadline = Date.now() + 5_000
  while (theirs.active().kid !== mine.active().kid && Date.now() < deadline)
    await new Promise((next) => setTimeout(next, 20))
  assert.equal(theirs.active().kid, mine.active().kid)
})

test('makes a ring for another algorithm when it is asked for', async (t) => {
  const { open } = await fixture(t)
  const ring = await open()
  assert.throws(() => ring.active('RS256'), code('store_unavailable'))
  await ring.ensure('RS256')
  assert.equal(ring.active('RS256').alg, 'RS256')
  await ring.ensure('Ed25519')
  assert.equal(ring.active('Ed25519').alg, 'Ed25519')
})
