// The main job over TCP against a real server process, and what its endpoints answer to callers who get the form wrong. Fast:
// also the smoke on other versions of Node.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTokenVerifier } from '@countersign/sdk'
import { createInstallation, type HttpAnswer, type Installation, type Replica } from '../support/installation.ts'
import { ORDERS_AUDIENCE } from '../support/proofs.ts'

const cleanups: (() => Promise<void> | void)[] = []
let installation: Installation
let server: Replica

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  server = await installation.addReplica()
  await server.start()
  await server.apply()
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

/** Every answer of the OAuth endpoints, whatever it says: never cached, no trace of the inside, nothing of the proof. */
function assertSafe(answer: HttpAnswer, proof?: string): void {
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  const everything = `${[...answer.headers].map((header) => header.join(': ')).join('\n')}\n${answer.text}`
  assert.doesNotMatch(everything, /\bat .+:\d+:\d+|node_modules|\.ts\b|Error:/)
  for (const part of proof?.split('.') ?? []) if (part.length > 20) assert.ok(!everything.includes(part))
}

/** A refusal as RFC 6749 section 5.2 has it, with the id that an administrator can explain. */
function assertRefused(answer: HttpAnswer, status: number, error: string, proof?: string): string {
  assert.equal(answer.status, status, answer.text)
  assertSafe(answer, proof)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.equal(answer.json?.['error'], error)
  assert.equal(typeof answer.json?.['error_description'], 'string')
  assert.match(String(answer.json?.['error_id']), /^(evt|ref|req)_[0-9a-z]+$/)
  assert.equal(answer.json?.['access_token'], undefined)
  return String(answer.json?.['error_id'])
}

const postForm = (path: string, form: string, headers: Record<string, string> = {}): Promise<HttpAnswer> =>
  server.request(path, {
    method: 'POST',
    body: form,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })

const FORM = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  audience: ORDERS_AUDIENCE,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
}
const formOf = (proof: string) => new URLSearchParams({ ...FORM, subject_token: proof }).toString()

const createVerifier = () =>
  createTokenVerifier({
    issuer: installation.issuer,
    audience: ORDERS_AUDIENCE,
    remote: { allowLoopbackHttp: true, allowPrivateNetwork: true },
  })

test('a proof is exchanged for a token that the SDK verifies from the served metadata and key set (S-01, S-15)', async () => {
  const proof = installation.proofs.sign()
  const answer = await server.exchange(proof)
  assert.equal(answer.status, 200, answer.text)
  assertSafe(answer, proof)
  assert.equal(answer.headers.get('pragma'), 'no-cache')
  const { access_token: token, event_id: eventId, ...rest } = answer.json ?? {}
  assert.deepEqual(rest, {
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: 900,
    scope: 'orders:deploy',
  })
  const verifier = createVerifier()
  const { header, claims } = await verifier.verify(String(token))
  assert.equal(header.typ, 'at+jwt')
  assert.equal(header.alg, 'ES256')
  assert.equal(claims['scope'], 'orders:deploy')
  assert.match(String(claims['client_id']), /^wl_/)
  assert.match(String(claims.sub), /^countersign:\/\/127\.0\.0\.1:\d+\/workload\/tp_/)
  assert.equal(Number(claims.exp) - Number(claims['iat']), 900)
  const event = await server.cliJson('events', 'get', String(eventId))
  assert.equal(event['outcome'], 'allowed')
})

test('a token for another audience, or with one bit changed, is refused by the SDK (S-16)', async () => {
  const token = String((await server.exchange(installation.proofs.sign())).json?.['access_token'])
  const { issuer } = installation
  const remote = { allowLoopbackHttp: true, allowPrivateNetwork: true }
  const other = createTokenVerifier({ issuer, audience: 'https://billing.acme.internal', remote })
  await assert.rejects(other.verify(token), { name: 'CountersignError' })
  const [head, payload = '', signature] = token.split('.')
  const changed = JSON.stringify({
    ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
    scope: 'orders:write',
  })
  const forged = `${head}.${Buffer.from(changed).toString('base64url')}.${signature}`
  await assert.rejects(createVerifier().verify(forged), { name: 'CountersignError' })
})

test('the same proof a second time is refused, and the command line says why (S-07)', async () => {
  const proof = installation.proofs.sign()
  assert.equal((await server.exchange(proof)).status, 200)
  const id = assertRefused(await server.exchange(proof), 400, 'invalid_request', proof)
  assert.match(id, /^evt_/)
  const explained = await server.cli('explain', id)
  assert.equal(explained.exit, 0, explained.stderr)
  assert.match(explained.stdout, /replay/)
  assert.ok(!explained.stdout.includes(proof.split('.')[2] ?? ''))
})

test('refusals look alike to the caller, and the administrator reads the claim that did not match (S-02)', async () => {
  const wrongRef = installation.proofs.sign({ ref: 'refs/heads/feature' })
  const policy = await server.exchange(wrongRef)
  const audience = await server.exchange(installation.proofs.sign(), { audience: 'https://nobody.acme.internal' })
  const id = assertRefused(policy, 400, 'invalid_target', wrongRef)
  const other = assertRefused(audience, 400, 'invalid_target')
  assert.equal(policy.text.replaceAll(id, ''), audience.text.replaceAll(other, ''))
  const explained = await server.cli('explain', id)
  assert.equal(explained.exit, 0, explained.stderr)
  assert.match(explained.stdout, /refs\/heads\/feature/)
  assert.match(explained.stdout, /refs\/heads\/main/)
  assertRefused(await server.exchange(installation.proofs.sign(), { scope: 'orders:write' }), 400, 'invalid_scope')
})

test('early refusals are explained too: stranger, unknown issuer, wrong audience, bad signature, expired, none at all', async () => {
  const now = Math.floor(Date.now() / 1000)
  const good = installation.proofs.sign()
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['stranger', installation.proofs.sign({ repository_owner_id: '999' }), /tenant|require|stranger/i],
    ['unknown issuer', installation.proofs.sign({ iss: 'https://evil.example' }), /provider/i],
    ['wrong audience', installation.proofs.sign({ aud: 'https://other.example' }), /audience|provider/i],
    ['bad signature', `${good.slice(0, good.lastIndexOf('.'))}.${'A'.repeat(342)}`, /signature/i],
    ['expired', installation.proofs.sign({ nbf: now - 900, iat: now - 900, exp: now - 300 }), /expired/i],
    ['no token', 'not-a-token', /token|malformed/i],
  ]
  for (const [name, proof, reason] of cases) {
    const id = assertRefused(await server.exchange(proof), 400, 'invalid_request', proof)
    assert.match(id, /^ref_/, name)
    const explained = await server.cli('explain', id)
    assert.equal(explained.exit, 0, `${name}: ${explained.stderr}`)
    assert.match(explained.stdout, reason, name)
  }
})

test("google-auth's default scope counts as none: the grant of the policy is given", async () => {
  const scope = 'https://www.googleapis.com/auth/cloud-platform'
  const answer = await server.exchange(installation.proofs.sign(), { scope })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json?.['scope'], 'orders:deploy')
  assert.equal(
    (await server.exchange(installation.proofs.sign(), { scope: undefined })).json?.['scope'],
    'orders:deploy',
  )
})

test('`resource` works like `audience`, and our own token is no proof (S-09)', async () => {
  const answer = await server.exchange(installation.proofs.sign(), { audience: undefined, resource: ORDERS_AUDIENCE })
  assert.equal(answer.status, 200, answer.text)
  const own = String(answer.json?.['access_token'])
  assertRefused(await server.exchange(own), 400, 'invalid_request', own)
})

test('the holder revokes its token: 200 with an empty body, also twice, also for a token that nobody issued (RFC 7009)', async () => {
  const token = String((await server.exchange(installation.proofs.sign())).json?.['access_token'])
  const revoke = (value: string) => postForm('/oauth/revoke', new URLSearchParams({ token: value }).toString())
  await Promise.all(Array.from({ length: 20 }, () => revoke(token)))
  for (const value of [token, token, 'unknown', `${token}x`, installation.proofs.sign()]) {
    const answer = await revoke(value)
    assert.equal(answer.status, 200)
    assert.equal(answer.text, '')
    assertSafe(answer, value)
  }
  const events = await server.cliJson('events', 'list', '--filter', 'kind=token.revoked')
  assert.equal((events['items'] as unknown[]).length, 1, 'no token fills the log by being revoked again and again')
  assertRefused(await postForm('/oauth/revoke', ''), 400, 'invalid_request')
  assertRefused(await postForm('/oauth/revoke', 'token=a&token=b'), 400, 'invalid_request')
})

test('both metadata documents are one, and name what is there (S-15, RFC 8414)', async () => {
  const [openid, oauth] = await Promise.all([
    server.request('/.well-known/openid-configuration'),
    server.request('/.well-known/oauth-authorization-server'),
  ])
  assert.equal(openid.status, 200)
  assert.deepEqual(openid.json, oauth.json)
  const metadata = openid.json ?? {}
  assert.equal(metadata['issuer'], installation.issuer)
  assert.deepEqual(metadata['grant_types_supported'], ['urn:ietf:params:oauth:grant-type:token-exchange'])
  assert.deepEqual(metadata['token_endpoint_auth_methods_supported'], ['none'])
  for (const name of ['token_endpoint', 'revocation_endpoint', 'jwks_uri']) {
    assert.ok(String(metadata[name]).startsWith(`${installation.issuer}/`), name)
  }
  const jwks = await server.request(String(metadata['jwks_uri']).slice(installation.issuer.length))
  assert.match(jwks.headers.get('cache-control') ?? '', /^public, max-age=\d+$/)
  const keys = (jwks.json?.['keys'] ?? []) as Record<string, unknown>[]
  assert.ok(keys.length > 0)
  for (const key of keys) {
    assert.equal(key['d'], undefined)
    assert.equal(key['use'], 'sig')
    assert.ok((metadata['id_token_signing_alg_values_supported'] as string[]).includes(String(key['alg'])))
  }
})

test('wrong methods are told the right ones', async () => {
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await server.request('/oauth/token', { method })
    assertRefused(answer, 405, 'invalid_request')
    assert.equal(answer.headers.get('allow'), 'POST')
  }
  assert.equal((await server.request('/.well-known/jwks.json', { method: 'POST' })).status, 405)
})

test('content types that are no form, and encodings, are refused without reading them', async () => {
  const form = formOf(installation.proofs.sign())
  const types = [
    'application/json',
    'text/plain',
    'multipart/form-data',
    'application/x-www-form-urlencoded; charset=latin1',
  ]
  for (const type of types) {
    assertRefused(await postForm('/oauth/token', form, { 'content-type': type }), 415, 'invalid_request')
  }
  assertRefused(await postForm('/oauth/token', form, { 'content-encoding': 'gzip' }), 415, 'invalid_request')
})

test('a body above 64 KiB is refused, also when its length is not declared', async () => {
  const large = `subject_token=${'a'.repeat(65 * 1024)}`
  assertRefused(await postForm('/oauth/token', large), 413, 'invalid_request')
  const stream = new ReadableStream({
    start(controller) {
      for (let index = 0; index < 80; index += 1) controller.enqueue(new TextEncoder().encode('a'.repeat(1024)))
      controller.close()
    },
  })
  const answer = await server
    .request('/oauth/token', {
      method: 'POST',
      body: stream,
      duplex: 'half',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    } as RequestInit)
    .catch(() => undefined)
  // The server may cut the connection while the body still comes; an answer, when it is read, is the refusal.
  if (answer) assertRefused(answer, 413, 'invalid_request')
  assert.equal((await server.exchange(installation.proofs.sign())).status, 200)
})

test('parameters given twice, missing, or not form-encoded are refused by name and never by value (S-01)', async () => {
  const proof = installation.proofs.sign()
  const form = formOf(proof)
  const bad = [
    `${form}&subject_token=${proof}`,
    `${form}&grant_type=x`,
    `${form}&scope=%ff`,
    `${form}&scope=%0`,
    `${form}&scope=a%00b`,
    `${form}&scope=\u00e9`,
    `${form}&scope=a++b`,
    `${form}&expires_in=-1`,
    `${form}&actor_token=x`,
    `${form}&actor_token=x&actor_token_type=y`,
    `${form}&requested_token_type=urn:ietf:params:oauth:token-type:refresh_token`,
    `${form}&resource=relative`,
    form.replace('audience=', 'audience_='),
    form.replace('subject_token=', 'token='),
    form.replace('subject_token_type=', 'type='),
    form.replace('token-type%3Ajwt', 'token-type%3Asaml2'),
    '',
  ]
  for (const body of bad) assertRefused(await postForm('/oauth/token', body), 400, 'invalid_request', proof)
  const other = formOf(proof).replace('token-exchange', 'jwt-bearer')
  assertRefused(await postForm('/oauth/token', other), 400, 'unsupported_grant_type', proof)
  // None of these used the proof.
  assert.equal((await postForm('/oauth/token', form)).status, 200)
})

test('the log of the server holds no proof and no token', async () => {
  const proof = installation.proofs.sign()
  const token = String((await server.exchange(proof)).json?.['access_token'])
  await server.exchange(proof)
  for (const part of [...proof.split('.'), ...token.split('.').slice(1)]) assert.ok(!server.log().includes(part))
  assert.doesNotMatch(server.log(), /eyJ[A-Za-z0-9_-]{10,}\./)
})
