// The key-encryption key is gone for good: what is destroyed, what is made, and what still verifies.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createStaticKeySet, createTokenVerifier } from '@countersign/sdk'
import { cleanUp, type TestScope } from '../../../../test/support/database.ts'
import { createEventLog } from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import { resetSeal } from './reset-seal.ts'
import { createRingFixture, DAY } from './ring.fixture.ts'
import { createFileSeal, openSeal } from './seal/index.ts'
import type { Signer } from './types.ts'

const ISSUER = 'https://sts.acme.example'
const AUDIENCE = 'https://orders.acme.internal'
const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected

async function fixture(t: TestScope) {
  const ring = await createRingFixture(t)
  const { database, clock } = ring
  const now = () => clock.now
  const directory = mkdtempSync(join(tmpdir(), 'countersign-seal-reset-'))
  cleanUp(t, () => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'kek')
  const provider = createFileSeal({ path, mayCreate: true })
  const start = async () => ring.open({ sealKey: (await openSeal({ database, provider, now })).sealKey })
  const reset = () =>
    resetSeal({
      ...{ database, provider, now, eventLog: createEventLog({ database, now }) },
      ...{ reason: 'the disk with the key burnt', actor: 'local-command' },
    })
  const lose = () => rmSync(path)
  return { ...ring, path, start, reset, lose }
}

function signToken(signer: Signer, now: Date): string {
  const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = Math.floor(now.getTime() / 1000)
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 's', client_id: 'wl_1', jti: 'jti_1', iat, exp: iat + 900 }
  const input = `${segment({ alg: signer.alg, typ: 'at+jwt', kid: signer.kid })}.${segment(claims)}`
  return `${input}.${Buffer.from(signer.sign(input)).toString('base64url')}`
}

test('a database that was never sealed is not reset', async (t) => {
  const { reset } = await fixture(t)
  await assert.rejects(reset(), code('conflict'))
})

test('while a server runs, or ran a moment ago, nothing is reset', async (t) => {
  const { database, clock, start, reset } = await fixture(t)
  const ring = await start()
  const at = clock.now.getTime()
  const instance = { boot_id: 'boot_1', started_at: at, heartbeat_at: at, settled_at: null }
  await database.transaction((tx) => tx.insertInto('instances').values(instance).execute())
  await assert.rejects(reset(), code('conflict'))
  clock.now = new Date(at + 59_000)
  await assert.rejects(reset(), code('conflict'))
  assert.ok(ring.list().every((key) => key.state === 'active'))
  clock.now = new Date(at + 61_000)
  await reset()
})

test('no private half that the lost key sealed remains, and every ring has a new key that signs', async (t) => {
  const { database, start, reset, lose } = await fixture(t)
  const before = await start()
  await before.rotateKey({ now: false, actor: 'local-socket' })
  const lost = before.list().map((key) => key.kid)
  lose()
  await assert.rejects(start(), code('seal_key_missing'))
  const { abandoned, made } = await reset()
  assert.deepEqual(abandoned.map((key) => key.kid).sort(), [...lost].sort())
  const rows = await database.read.selectFrom('signing_keys').selectAll().execute()
  for (const row of rows) {
    assert.equal(row.sealed_private === null, lost.includes(row.kid))
    if (lost.includes(row.kid)) assert.ok(['retired', 'destroyed'].includes(row.state))
  }
  const after = await start()
  assert.deepEqual(
    [after.active().kid, after.checkpointSigner().kid, after.receiptSigner().kid].sort(),
    made.map((key) => key.kid).sort(),
  )
})

test('tokens that are out verify until they expire, new ones verify beside them', async (t) => {
  const { clock, leader, start, reset, lose } = await fixture(t)
  const before = await start()
  const old = { kid: before.active().kid, token: signToken(before.active(), clock.now) }
  lose()
  await reset()
  const after = await start()
  const jwks = after.jwks()
  const keys = createStaticKeySet(jwks, { issuer: ISSUER, algorithms: ['ES256'] })
  const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, now: () => clock.now })
  assert.equal((await verifier.verify(old.token)).header.kid, old.kid)
  assert.equal((await verifier.verify(signToken(after.active(), clock.now))).header.kid, after.active().kid)
  clock.now = new Date(clock.now.getTime() + DAY)
  await after.rotate(leader)
  assert.ok(!after.jwks().keys.some((key) => key['kid'] === old.kid))
})

test('auditors know the old checkpoint key beside the new one, and the log says what happened and why', async (t) => {
  const { start, reset, lose, events } = await fixture(t)
  const before = await start()
  const old = before.checkpointSigner().kid
  lose()
  await reset()
  const after = await start()
  assert.deepEqual(
    after.checkpointPublicKeys().map(({ kid }) => kid),
    [after.checkpointSigner().kid, old],
  )
  const recorded = (await events()).filter(({ actor }) => actor === 'local-command')
  assert.deepEqual(
    recorded.map(({ kind }) => kind).sort(),
    [
      ...['retired', 'retired', 'retired', 'seal.reset'],
      ...['published', 'activated', 'published', 'activated', 'published', 'activated'],
    ].sort(),
  )
  const summary = recorded.find(({ kind }) => kind === 'seal.reset')
  assert.match(String(summary?.data['key']), /^file /)
  assert.deepEqual(
    [summary?.data['reason'], summary?.data['abandoned'], summary?.data['made']],
    ['the disk with the key burnt', 3, 3],
  )
})

test('also where the key still opens: whoever fears that it was copied gets everything anew', async (t) => {
  const { start, reset } = await fixture(t)
  const before = (await start()).active().kid
  await reset()
  assert.notEqual((await start()).active().kid, before)
})
