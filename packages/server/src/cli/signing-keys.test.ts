import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { assertGolden } from './testing/golden.ts'
import { runLine } from './testing/run-line.ts'
import { problem, type StandInApi, startStandInApi } from './testing/stand-in-api.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-keys-'))
const KID = '_WtwEO5GheX5gZf9W69oYI2mY6mSAWqlTmtKFkfx0ab'
let api: StandInApi
before(async () => {
  api = await startStandInApi()
})
after(async () => {
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

const run = (line: readonly string[], options = {}) =>
  runLine([...line, '--server', api.url], { cwd, now: () => new Date('2026-11-25T12:00:00Z'), ...options })
const revoke = ['signing-keys', 'revoke', KID]

const RECEIPT = {
  ...{ id: 'rcpt_1', state: 'pending', effective_everywhere_at: '2026-11-25T12:15:00.000Z' },
  services: [{ name: 'orders-api', may_accept_until: '2026-11-25T12:15:00.000Z', why: 'no_followers' }],
}

test('G-07: a revocation without a reason, or without consent, is not sent', async () => {
  api.answer(`POST /v1/signing-keys/${KID}/revoke`, { body: {} })
  const sent = api.requests.length
  for (const line of [
    [...revoke, '--yes'],
    [...revoke, '--reason', 'leaked'],
    [...revoke, '--reason', 'leaked', '--yes', '--wait', '61s'],
    [...revoke, '--reason', 'leaked', '--yes', '--wait', 'long'],
  ]) {
    assert.equal((await run(line)).exit, 2, line.join(' '))
  }
  assert.equal(api.requests.length, sent)
})

test('an output file that exists is noticed before the key is revoked', async () => {
  writeFileSync(join(cwd, 'taken.json'), 'kept')
  const sent = api.requests.length
  const result = await run([...revoke, '--reason', 'leaked', '--yes', '--out-file', 'taken.json'])
  assert.equal(result.exit, 5)
  assert.equal(api.requests.length, sent)
  assert.equal(readFileSync(join(cwd, 'taken.json'), 'utf8'), 'kept')
})

test('a key that is unknown is exit 1, one that was revoked before exit 5; no file stays behind', async () => {
  api.answer(`POST /v1/signing-keys/${KID}/revoke`, problem(404, 'not_found'), problem(409, 'conflict'))
  const line = [...revoke, '--reason', 'leaked', '--yes', '--out-file', 'none.json']
  assert.deepEqual([(await run(line)).exit, (await run(line)).exit], [1, 5])
  assert.throws(() => statSync(join(cwd, 'none.json')))
})

test('a revocation names what is revoked, what signs now, and who may accept until when; the receipt is a private file', async () => {
  api.answer(`POST /v1/signing-keys/${KID}/revoke`, {
    body: { revoked: { kid: KID }, revoked_successor: { kid: 'k2' }, replacement: { kid: 'k3' }, receipt: RECEIPT },
  })
  const result = await run([...revoke, '--reason', 'leaked', '--yes', '--wait', '30s', '--out-file', 'receipt.json'])
  assert.equal(result.exit, 0, result.stderr)
  assert.deepEqual(JSON.parse(api.requests.at(-1)?.body ?? ''), { reason: 'leaked', wait_seconds: 30 })
  for (const text of [KID, 'k2', 'k3', 'rcpt_1', 'pending', 'orders-api', 'no_followers']) {
    assert.ok(result.stdout.includes(text), text)
  }
  assert.equal(statSync(join(cwd, 'receipt.json')).mode & 0o777, 0o600)
  assert.deepEqual(JSON.parse(readFileSync(join(cwd, 'receipt.json'), 'utf8')), RECEIPT)
})

test('rotating at once warns of verifiers that cache, and is not sent without consent', async () => {
  const body = { successor: { kid: 'k2' }, predecessor: { kid: KID }, activates_at: '2026-11-25T12:00:00.000Z' }
  api.answer('POST /v1/signing-keys/rotate', { status: 201, body })
  const sent = api.requests.length
  const refused = await run(['signing-keys', 'rotate', '--now'])
  assert.equal(refused.exit, 2)
  assert.match(refused.stderr, /refuse its tokens until they do/)
  assert.equal(api.requests.length, sent)
  const done = await run(['signing-keys', 'rotate', KID, '--now', '--yes'])
  assert.equal(done.exit, 0, done.stderr)
  assert.match(done.stderr, /^warning: verifiers that keep the key set/)
  assert.deepEqual(JSON.parse(api.requests.at(-1)?.body ?? ''), { kid: KID, now: true })
})

test('a rotation says which key signs until when, and asks nothing', async () => {
  const body = { successor: { kid: 'k2' }, predecessor: { kid: KID }, activates_at: '2026-11-26T12:00:00.000Z' }
  api.answer('POST /v1/signing-keys/rotate', { status: 201, body })
  const result = await run(['signing-keys', 'rotate', '--purpose', 'checkpoint', '--alg', 'Ed25519'])
  assert.equal(
    result.stdout,
    `published k2; it signs from 2026-11-26T12:00:00.000Z, until then ${KID} does\n`,
    result.stderr,
  )
  assert.deepEqual(JSON.parse(api.requests.at(-1)?.body ?? ''), { purpose: 'checkpoint', alg: 'Ed25519', now: false })
  assert.equal((await run(['signing-keys', 'rotate', '--alg', 'HS256'])).exit, 2)
})

const counts = (issuances: number, signed: number, unsigned: number, pending: number) => {
  return { issuances, signed, unsigned, pending }
}

test('G-06: uses that are not all accounted for are exit 1, and the table says which', async () => {
  const keys = [
    {
      ...{ kid: KID, ...counts(46, 44, 1, 1) },
      by_policy: [
        { policy_id: 'pol_deploy', ...counts(40, 39, 0, 1) },
        { policy_id: 'pol_test', ...counts(6, 5, 1, 0) },
      ],
      by_hour: [
        { hour: '2026-11-25T10:00:00.000Z', ...counts(40, 40, 0, 0) },
        { hour: '2026-11-25T11:00:00.000Z', ...counts(6, 4, 1, 1) },
      ],
    },
  ]
  const range = { from: '2026-11-25T10:00:00.000Z', to: '2026-11-25T12:00:00.000Z' }
  api.answer('GET /v1/signing-keys/uses', { body: { ...range, ...counts(46, 44, 1, 1), reconciled: false, keys } })
  const result = await run(['signing-keys', 'uses', '--since', '2h'])
  assert.equal(result.exit, 1)
  assertGolden('signing-key-uses', result.stdout)
  assert.deepEqual(Object.fromEntries(api.requests.at(-1)?.query ?? []), range)
})

test('uses of one key; a range that is none is not sent', async () => {
  const none = { from: '', to: '', ...counts(0, 0, 0, 0), reconciled: true, keys: [] }
  api.answer(`GET /v1/signing-keys/${KID}/uses`, { body: none })
  const result = await run(['signing-keys', 'uses', KID])
  assert.equal(result.exit, 0)
  assert.match(result.stdout, /^RECONCILED {2}0 issued/)
  for (const since of ['32d', 'yesterday', '0s']) {
    assert.equal((await run(['signing-keys', 'uses', '--since', since])).exit, 2, since)
  }
})

test('one key is shown with the times that it has', async () => {
  api.answer(`GET /v1/signing-keys/${KID}`, {
    body: { kid: KID, state: 'retired', retired_at: '2026-11-25T10:00:00.000Z', removed_at: null },
  })
  const result = await run(['signing-keys', 'get', KID])
  assert.match(result.stdout, /retired +2026-11-25T10:00:00.000Z/)
  assert.doesNotMatch(result.stdout, /removed/)
  assert.equal((await run(['signing-keys', 'get', 'unknown'])).exit, 1)
})
