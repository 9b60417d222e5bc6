// Rotation by command: the same states and times as by schedule (G-02), one key one purpose (G-05).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { createRingFixture, DAY } from './ring.fixture.ts'

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected
const command = { now: false, actor: 'local-socket' } as const

test('a key that does not exist or does not sign is not rotated', async (t) => {
  const { open, clock, leader } = await createRingFixture(t)
  const ring = await open()
  await assert.rejects(ring.rotateKey({ ...command, kid: 'unknown' }), code('not_found'))
  await assert.rejects(ring.rotateKey({ ...command, alg: 'RS256' }), code('conflict'))
  await assert.rejects(ring.rotateKey({ ...command, purpose: 'receipt', alg: 'ES256' }), code('conflict'))
  const { successor } = await ring.rotateKey(command)
  await assert.rejects(ring.rotateKey({ ...command, kid: successor.kid }), code('conflict'))
  const first = ring.active().kid
  clock.now = new Date(clock.now.getTime() + DAY)
  await ring.rotate(leader)
  await assert.rejects(ring.rotateKey({ ...command, kid: first }), code('conflict'))
})

test('where keys of several algorithms sign, nobody guesses which is meant', async (t) => {
  const { open } = await createRingFixture(t)
  const ring = await open({ algorithms: ['ES256', 'RS256'] })
  await assert.rejects(ring.rotateKey(command), code('validation_failed'))
  const { successor } = await ring.rotateKey({ ...command, alg: 'RS256' })
  assert.equal(successor.alg, 'RS256')
})

test('a refused command leaves no event, no key and no revision', async (t) => {
  const { open, events, database } = await createRingFixture(t)
  const ring = await open()
  const before = [await events(), ring.list().length, await database.revisions.refresh()]
  await assert.rejects(ring.rotateKey({ ...command, kid: 'unknown' }))
  assert.deepEqual([await events(), ring.list().length, await database.revisions.refresh()], before)
})

test('G-02: the successor is in the key set at once, and signs only after the time that keys are published ahead', async (t) => {
  const { open, clock, leader } = await createRingFixture(t)
  const ring = await open()
  const first = ring.active().kid
  const { successor, predecessor, activatesAt } = await ring.rotateKey(command)
  assert.deepEqual([predecessor.kid, successor.state], [first, 'published'])
  assert.equal(activatesAt.getTime(), clock.now.getTime() + DAY)
  assert.deepEqual(new Set(ring.jwks().keys.map((key) => key['kid'])), new Set([first, successor.kid]))
  clock.now = new Date(activatesAt.getTime() - 1)
  assert.equal(await ring.rotate(leader), 0)
  assert.equal(ring.active().kid, first)
  clock.now = activatesAt
  assert.equal(await ring.rotate(leader), 1)
  assert.equal(ring.active().kid, successor.kid)
  assert.equal(ring.jwks().keys.length, 2, 'the retired key stays for its tokens')
})

test('asked for twice, there is one successor and one time', async (t) => {
  const { open, clock } = await createRingFixture(t)
  const ring = await open()
  const first = await ring.rotateKey(command)
  clock.now = new Date(clock.now.getTime() + 3_600_000)
  const second = await ring.rotateKey(command)
  assert.equal(second.successor.kid, first.successor.kid)
  assert.equal(second.activatesAt.getTime(), first.activatesAt.getTime())
  assert.equal(ring.list().filter((key) => key.purpose === 'access_token').length, 2)
})

test('a successor that the schedule has published is taken, and signs as soon as it has been published long enough', async (t) => {
  const { open, clock, leader } = await createRingFixture(t)
  const ring = await open()
  clock.now = new Date(clock.now.getTime() + 29 * DAY)
  await ring.rotate(leader)
  const published = ring.list().find((key) => key.state === 'published')
  clock.now = new Date(clock.now.getTime() + DAY / 2)
  const { successor, activatesAt } = await ring.rotateKey(command)
  assert.equal(successor.kid, published?.kid)
  assert.equal(activatesAt.getTime(), clock.now.getTime() + DAY / 2)
})

test('at once: the new key signs, the old one stays published for its tokens, also where a successor was waiting', async (t) => {
  const { open } = await createRingFixture(t)
  const ring = await open()
  const first = ring.active().kid
  const { successor } = await ring.rotateKey({ ...command, now: true })
  assert.deepEqual([ring.active().kid, successor.state], [successor.kid, 'active'])
  assert.ok(ring.jwks().keys.some((key) => key['kid'] === first))
  const waiting = await ring.rotateKey(command)
  const hurried = await ring.rotateKey({ ...command, now: true })
  assert.equal(hurried.successor.kid, waiting.successor.kid)
  assert.equal(ring.active().kid, waiting.successor.kid)
})

test('keys of checkpoints and receipts change by command only, and old ones stay known to their verifiers (G-05)', async (t) => {
  const { open, clock, leader } = await createRingFixture(t)
  const ring = await open()
  const [checkpoint, receipt] = [ring.checkpointSigner().kid, ring.receiptSigner().kid]
  clock.now = new Date(clock.now.getTime() + 400 * DAY)
  await ring.rotate(leader)
  assert.deepEqual([ring.checkpointSigner().kid, ring.receiptSigner().kid], [checkpoint, receipt])
  await ring.rotateKey({ ...command, kid: checkpoint, now: true })
  await ring.rotateKey({ ...command, purpose: 'receipt', now: true })
  assert.notEqual(ring.checkpointSigner().kid, checkpoint)
  assert.notEqual(ring.receiptSigner().kid, receipt)
  assert.deepEqual(
    ring.checkpointPublicKeys().map(({ kid }) => kid),
    [ring.checkpointSigner().kid, checkpoint],
  )
  clock.now = new Date(clock.now.getTime() + 400 * DAY)
  for (let round = 0; round < 3; round += 1) await ring.rotate(leader)
  assert.ok(ring.receiptPublicKeys().some(({ kid }) => kid === receipt))
})

test('two replicas that are told at once make one successor, and both follow', async (t) => {
  const { open } = await createRingFixture(t)
  const [mine, theirs] = [await open(), await open()]
  const rotations = await Promise.all([mine.rotateKey(command), theirs.rotateKey(command)])
  assert.equal(new Set(rotations.map(({ successor }) => successor.kid)).size, 1)
  assert.equal(mine.list().length, theirs.list().length)
})

test('who asked is in the log', async (t) => {
  const { open, events } = await createRingFixture(t)
  const ring = await open()
  const { successor, activatesAt } = await ring.rotateKey({ now: false, actor: 'wl_operator' })
  const event = (await events()).find(({ kind, data }) => kind === 'published' && data['kid'] === successor.kid)
  assert.equal(event?.actor, 'wl_operator')
  assert.equal(event?.data['activate_at'], activatesAt.toISOString())
})
