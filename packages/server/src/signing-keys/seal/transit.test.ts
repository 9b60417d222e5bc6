// The transit provider against a server that speaks the real API: what it sends, and that every refusal is told without a secret.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { cleanUp, type TestScope } from '../../../../../test/support/database.ts'
import { selfSign } from '../../../../sdk/src/jwks/issuer-server.fixture.ts'
import { ServiceError } from '../../errors.ts'
import { postJson } from '../../outbound/index.ts'
import { startTransitServer, type TransitServer } from './transit.fixture.ts'
import { createTransitSeal, type TransitSealInput } from './transit.ts'

async function fixture(t: TestScope, changes: Partial<TransitSealInput> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-transit-'))
  cleanUp(t, () => rmSync(directory, { recursive: true, force: true }))
  const server = await startTransitServer(t)
  server.createKey('ours')
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, `${server.token}\n`, { mode: 0o600 })
  const provider = createTransitSeal(
    {
      address: server.address,
      key: 'ours',
      mount: 'transit',
      tokenFile,
      namespace: undefined,
      caFile: undefined,
      ...changes,
    },
    { post: (url, options) => postJson(url, { ...options, timeoutMs: 1_000 }), pause: async () => {} },
  )
  return { directory, server, tokenFile, provider }
}

const DATA_KEY = randomBytes(32)

/** The refusal, having looked through all of it for the token, the data key and what the server said. */
async function refusal(server: TransitServer, work: Promise<unknown>): Promise<ServiceError> {
  const error = await work.then(
    () => assert.fail('it must be refused'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ServiceError, inspect(error))
  const text = inspect(error, { depth: 10 })
  for (const secret of [server.token, DATA_KEY.toString('base64'), 'canary']) assert.ok(!text.includes(secret), text)
  return error
}

const answered = (status: number, body: unknown, headers = {}) => ({ status, body: JSON.stringify(body), headers })
const CANARY = { errors: ['canary'] }

for (const [status, code, detail] of [
  [301, 'seal_refused', /redirects are not followed/],
  [307, 'seal_refused', /redirects are not followed/],
  [400, 'seal_refused', /does not exist or cannot encrypt/],
  [403, 'seal_refused', /has expired, or its policy lacks `update` on transit\/encrypt\/ours/],
  [404, 'seal_refused', /no transit engine at transit/],
  [405, 'seal_refused', /none of a transit engine/],
  [204, 'seal_refused', /none of a transit engine/],
] as const) {
  test(`an answer ${status} is refused at once, and its text is not repeated`, async (t) => {
    const { server, provider } = await fixture(t)
    server.next.push(answered(status, CANARY, { location: 'http://127.0.0.1:1/canary' }))
    const error = await refusal(server, provider.wrap(DATA_KEY, 'context'))
    assert.equal(error.code, code)
    assert.match(error.detail ?? '', detail)
    assert.equal(server.calls.length, 1)
  })
}

for (const [name, answer, detail] of [
  ['500', answered(500, CANARY), /answers 500/],
  ['429', answered(429, CANARY), /answers 429/],
  ['412', answered(412, CANARY), /answers 412/],
  ['a sealed server', answered(503, { errors: ['Vault is sealed'] }), /is sealed; unseal it/],
  ['a cut connection', 'cut', /connection failed/],
  ['silence', 'hang', /no complete answer within/],
] as const) {
  test(`${name} is tried three times, and told as unavailable`, async (t) => {
    const { server, provider } = await fixture(t)
    server.next.push(answer, answer, answer)
    const error = await refusal(server, provider.wrap(DATA_KEY, 'context'))
    assert.equal(error.code, 'seal_unavailable')
    assert.match(error.detail ?? '', detail)
    assert.equal(server.calls.length, 3)
  })

  test(`${name} that passes costs nothing but the retry`, async (t) => {
    const { server, provider } = await fixture(t)
    server.next.push(answer, answer)
    const wrapping = await provider.wrap(DATA_KEY, 'context')
    assert.deepEqual(Buffer.from(await provider.unwrap(wrapping, 'context')), DATA_KEY)
  })
}

for (const [name, body] of [
  ['no JSON', '<html>canary</html>'],
  ['no data', '{}'],
  ['another shape', '{"data":{"ciphertext":{"canary":1}}}'],
  ['text that is no ciphertext', '{"data":{"ciphertext":"canary"}}'],
  ['a null', 'null'],
] as const) {
  test(`an answer 200 with ${name} is not believed`, async (t) => {
    const { server, provider } = await fixture(t)
    server.next.push({ status: 200, body })
    assert.equal((await refusal(server, provider.wrap(DATA_KEY, 'context'))).code, 'seal_refused')
    server.next.push({ status: 200, body })
    const wrapping = { provider: 'transit', keyId: 'transit/ours', wrapped: 'vault:v1:AAAA' } as const
    assert.equal((await refusal(server, provider.unwrap(wrapping, 'context'))).code, 'seal_refused')
  })
}

test('an answer larger than 64 KiB is not read', async (t) => {
  const { server, provider } = await fixture(t)
  const large = { status: 200, body: `{"data":{"ciphertext":"vault:v1:${'A'.repeat(70_000)}"}}` }
  server.next.push(large, large, large)
  const error = await refusal(server, provider.wrap(DATA_KEY, 'context'))
  assert.match(error.detail ?? '', /too large/)
})

test('nothing listens there: unavailable, with the code of the system', async (t) => {
  const { server, provider } = await fixture(t, { address: new URL('http://127.0.0.1:1') })
  const error = await refusal(server, provider.wrap(DATA_KEY, 'context'))
  assert.equal(error.code, 'seal_unavailable')
  assert.match(error.detail ?? '', /ECONNREFUSED/)
})

test('a token file that others can read, is missing or holds more than a token is refused before anything is sent', async (t) => {
  const { server, provider, tokenFile } = await fixture(t)
  chmodSync(tokenFile, 0o644)
  assert.match((await refusal(server, provider.wrap(DATA_KEY, 'c'))).detail ?? '', /can be read by others/)
  chmodSync(tokenFile, 0o600)
  for (const content of ['', `${server.token}\nx-other: header`, 'two words']) {
    writeFileSync(tokenFile, content)
    assert.match((await refusal(server, provider.wrap(DATA_KEY, 'c'))).detail ?? '', /does not hold one token/)
  }
  rmSync(tokenFile)
  assert.match((await refusal(server, provider.wrap(DATA_KEY, 'c'))).detail ?? '', /cannot read .*ENOENT/)
  assert.equal(server.calls.length, 0)
})

test('a token that is replaced is used at the next call: it is read each time', async (t) => {
  const { server, provider, tokenFile } = await fixture(t)
  const wrapping = await provider.wrap(DATA_KEY, 'context')
  server.token = `s.${randomBytes(18).toString('base64url')}`
  assert.equal((await refusal(server, provider.unwrap(wrapping, 'context'))).code, 'seal_refused')
  writeFileSync(tokenFile, server.token)
  assert.deepEqual(Buffer.from(await provider.unwrap(wrapping, 'context')), DATA_KEY)
})

test('versions: an older wrapping opens after the key was rotated, and not once its version is disallowed', async (t) => {
  const { server, provider } = await fixture(t)
  const first = await provider.wrap(DATA_KEY, 'context')
  server.rotateKey('ours')
  assert.match((await provider.wrap(DATA_KEY, 'context')).wrapped, /^vault:v2:/)
  assert.deepEqual(Buffer.from(await provider.unwrap(first, 'context')), DATA_KEY)
  server.trimKey('ours', 2)
  const error = await refusal(server, provider.unwrap(first, 'context'))
  assert.equal(error.code, 'seal_key_wrong')
  assert.match(error.detail ?? '', /min_decryption_version/)
})

test('sends the namespace, the header that agents ask for, and paths of the mount that is configured', async (t) => {
  const { server, provider } = await fixture(t, { mount: 'team/transit', namespace: 'org/platform' })
  server.createKey('ours', 'team/transit', 'org/platform')
  const wrapping = await provider.wrap(DATA_KEY, 'context')
  assert.equal(wrapping.keyId, 'org/platform/team/transit/ours')
  const [call] = server.calls
  assert.equal(call?.path, '/v1/team/transit/encrypt/ours')
  assert.equal(call?.headers['x-vault-namespace'], 'org/platform')
  assert.equal(call?.headers['x-vault-request'], 'true')
  assert.equal(call?.headers['x-vault-token'], server.token)
})

test('TLS: a certificate of an unknown authority is refused, that of the configured one is accepted', async (t) => {
  const { directory, tokenFile } = await fixture(t)
  const tls = selfSign('localhost')
  const cert = join(directory, 'ca.pem')
  writeFileSync(cert, tls.cert)
  const server = await startTransitServer(t, { tls })
  server.createKey('ours')
  writeFileSync(tokenFile, server.token)
  const address = new URL(`https://localhost:${server.address.port}`)
  const open = (caFile: string | undefined) =>
    createTransitSeal(
      { address, key: 'ours', mount: 'transit', tokenFile, namespace: undefined, caFile },
      { post: postJson, pause: async () => {} },
    )
  const error = await refusal(server, open(undefined).wrap(DATA_KEY, 'context'))
  assert.equal(error.code, 'seal_unavailable')
  assert.match(error.detail ?? '', /SELF_SIGNED/)
  assert.equal(server.calls.length, 0)
  const wrapping = await open(cert).wrap(DATA_KEY, 'context')
  assert.deepEqual(Buffer.from(await open(cert).unwrap(wrapping, 'context')), DATA_KEY)
  assert.equal((await refusal(server, open(join(directory, 'none')).wrap(DATA_KEY, 'c'))).code, 'seal_refused')
})
