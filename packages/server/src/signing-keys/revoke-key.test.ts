// G-07: one command ends a signing key. Everything is one transaction, and there is never a moment without a key that signs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { createRingFixture, DAY } from './ring.fixture.ts'

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected
const why = { reason: 'seen in a core dump', actor: 'local-socket' } as const
const noTokens = () => assert.fail('there are no tokens to end')

test('an unknown key and one that is revoked already are refused, and nothing changes', async (t) => {
  const { open, events } = await createRingFixture(t)
  const ring = await open()
  await assert.rejects(ring.revokeKey({ ...why, kid: 'unknown' }, noTokens), code('not_found'))
  const { kid } = ring.active()
  await ring.revokeKey({ ...why, kid }, async () => {})
  const before = [ring.list(), await events()]
  await assert.rejects(ring.revokeKey({ ...why, kid }, noTokens), code('conflict'))
  assert.deepEqual([ring.list(), await events()], before)
})

test('when its tokens cannot be ended the key is not revoked either: it is one transaction', async (t) => {
  const { open, events, database } = await createRingFixture(t)
  const ring = await open()
  const { kid } = ring.active()
  const before = [await events(), await database.revisions.refresh()]
  const failing = () => Promise.reject(new ServiceError('store_unavailable'))
  await assert.rejects(ring.revokeKey({ ...why, kid }, failing), code('store_unavailable'))
  assert.equal(ring.active().kid, kid)
  assert.deepEqual([await events(), await database.revisions.refresh()], before)
})

test('out of the key set, private half erased, another key signing, and the tokens ended in the same transaction', async (t) => {
  const { open, database, clock } = await createRingFixture(t)
  const ring = await open()
  const { kid } = ring.active()
  const seen: unknown[] = []
  const { revoked, replacement, ended } = await ring.revokeKey({ ...why, kid }, async (tx, input) => {
    const row = await tx.selectFrom('signing_keys').selectAll().where('kid', '=', kid).executeTakeFirst()
    seen.push(input, row?.sealed_private)
    return 'rcpt_1'
  })
  assert.deepEqual(seen, [{ kids: [kid], ...why }, null])
  assert.equal(ended, 'rcpt_1')
  assert.deepEqual([revoked.state, revoked.revokedAt?.getTime()], ['destroyed', clock.now.getTime()])
  assert.equal(ring.active().kid, replacement?.kid)
  assert.deepEqual(
    ring.jwks().keys.map((key) => key['kid']),
    [replacement?.kid],
  )
  const row = await database.read.selectFrom('signing_keys').selectAll().where('kid', '=', kid).executeTakeFirst()
  assert.equal(row?.sealed_private, null)
})

test('a successor that was published beside it goes with it: it lay in the same memory', async (t) => {
  const { open } = await createRingFixture(t)
  const ring = await open()
  const { kid } = ring.active()
  const { successor } = await ring.rotateKey({ now: false, actor: 'local-socket' })
  const ended: string[] = []
  const result = await ring.revokeKey({ ...why, kid }, async (_tx, { kids }) => void ended.push(...kids))
  assert.deepEqual(ended, [kid, successor.kid])
  assert.equal(result.revokedSuccessor?.kid, successor.kid)
  assert.ok(![kid, successor.kid].includes(ring.active().kid))
  assert.equal(ring.jwks().keys.length, 1)
})

test('a published, a retired and a destroyed key can be revoked, and the active one goes on signing', async (t) => {
  const { open, clock, leader } = await createRingFixture(t)
  const ring = await open()
  const first = ring.active().kid
  await ring.rotateKey({ now: true, actor: 'local-socket' })
  const active = ring.active().kid
  const { successor } = await ring.rotateKey({ now: false, actor: 'local-socket' })
  for (const kid of [first, successor.kid]) {
    const { replacement, revokedSuccessor } = await ring.revokeKey({ ...why, kid }, async () => {})
    assert.deepEqual([replacement, revokedSuccessor, ring.active().kid], [undefined, undefined, active])
  }
  await ring.rotateKey({ now: true, actor: 'local-socket' })
  clock.now = new Date(clock.now.getTime() + DAY)
  await ring.rotate(leader)
  await ring.rotate(leader)
  assert.equal(ring.list().find((key) => key.kid === active)?.state, 'destroyed')
  await ring.revokeKey({ ...why, kid: active }, async () => {})
  assert.ok(ring.list().find((key) => key.kid === active)?.revokedAt)
})

test('keys of checkpoints and receipts: replaced at once, still listed for what they signed before, no tokens to end', async (t) => {
  const { open } = await createRingFixture(t)
  const ring = await open()
  for (const purpose of ['checkpoint', 'receipt'] as const) {
    const signer = () => (purpose === 'checkpoint' ? ring.checkpointSigner() : ring.receiptSigner())
    const { kid } = signer()
    const { replacement, ended } = await ring.revokeKey({ ...why, kid }, noTokens)
    assert.equal(ended, undefined)
    assert.equal(signer().kid, replacement?.kid)
    const known = purpose === 'checkpoint' ? ring.checkpointPublicKeys() : ring.receiptPublicKeys()
    assert.deepEqual(
      known.map((key) => key.kid),
      [replacement?.kid, kid],
    )
    assert.ok(ring.list().find((key) => key.kid === kid)?.revokedAt)
  }
})

test('another replica stops signing with it through the revision log', async (t) => {
  const { open, database } = await createRingFixture(t)
  const [mine, theirs] = [await open(), await open()]
  const { kid } = theirs.active()
  await mine.revokeKey({ ...why, kid }, async () => {})
  await database.revisions.refresh()
  assert.equal(theirs.active().kid, mine.active().kid)
  assert.ok(!theirs.jwks().keys.some((key) => key['kid'] === kid))
})

test('who revoked it and why is in the log, with the state that it was in', async (t) => {
  const { open, events } = await createRingFixture(t)
  const ring = await open()
  const { kid } = ring.active()
  await ring.revokeKey({ ...why, kid }, async () => {})
  const event = (await events()).find((candidate) => candidate.kind === 'revoked')
  assert.deepEqual(event, {
    kind: 'revoked',
    actor: 'local-socket',
    data: { kid, purpose: 'access_token', alg: 'ES256', was: 'active', reason: 'seen in a core dump' },
  })
})
