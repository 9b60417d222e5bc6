import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createDpopVerifier } from '../dpop/index.ts'
import { CountersignError } from '../errors.ts'
import { callbackSource, createCredentialClient } from './index.ts'
import { granted, type StandInAnswer, type StandInServer, startStandIn } from './stand-in-server.fixture.ts'

const TOKEN = '/oauth/token'
const codeOf = (code: string) => (error: unknown) => error instanceof CountersignError && error.code === code
const bound = (token: string) => granted(token, { token_type: 'DPoP' })
const demand = (nonce: string): StandInAnswer => ({
  status: 400,
  body: { error: 'use_dpop_nonce' },
  headers: { 'dpop-nonce': nonce },
})

async function setUp(t: TestContext) {
  const [sts, api] = [await startStandIn(t), await startStandIn(t)]
  const proofs: string[] = []
  const client = createCredentialClient({
    server: sts.url,
    audience: api.url,
    dpop: true,
    sources: [
      callbackSource(async () => {
        proofs.push(`proof-${proofs.length}`)
        return proofs.at(-1)
      }),
    ],
  })
  t.after(() => client.close())
  return { sts, api, client, proofs }
}

/** Verifies the proof of every request to a path, with one memory, and returns their keys' thumbprints. */
function thumbprints(server: StandInServer, path: string, accessToken?: string): readonly string[] {
  const verifier = createDpopVerifier()
  return server.to(path).map(({ method, headers }) => {
    const proof = headers['dpop']
    const presentation = { proof: proof as string | undefined, method, url: `${server.url}${path}` }
    return verifier.verify(accessToken === undefined ? presentation : { ...presentation, accessToken }).jkt
  })
}

/** The claims of a proof, unverified. */
function claimsOf(proof: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(proof).split('.')[1] ?? '', 'base64url').toString())
}

test('RFC 9449 section 5: a bearer token in the answer is refused, not used in place of a bound one', async (t) => {
  const { sts, client } = await setUp(t)
  sts.answer(TOKEN, granted('t0ken'))
  await assert.rejects(client.token(), codeOf('response_refused'))
})

test('one key per client makes a new proof for each request, at the token endpoint and at the API', async (t) => {
  const { sts, api, client } = await setUp(t)
  sts.answer(TOKEN, bound('t0ken'))
  api.answer('/orders', { body: {} })
  for (let round = 0; round < 3; round++)
    assert.equal((await client.fetch(`${api.url}/orders?page=${round}`)).status, 200)
  const [key] = thumbprints(sts, TOKEN)
  assert.deepEqual(thumbprints(api, '/orders', 't0ken'), [key, key, key])
  assert.deepEqual(
    api.requests.map(({ headers }) => headers.authorization),
    Array(3).fill('DPoP t0ken'),
  )
  assert.equal((await client.token()).tokenType, 'DPoP')
  const other = await setUp(t)
  other.sts.answer(TOKEN, bound('t0ken'))
  await other.client.token()
  assert.notEqual(thumbprints(other.sts, TOKEN)[0], key)
})

test('use_dpop_nonce at the token endpoint is answered once with the nonce, and with a new proof of the workload', async (t) => {
  const { sts, client, proofs } = await setUp(t)
  sts.answer(TOKEN, demand('n-1'), bound('t0ken'))
  assert.equal((await client.token()).accessToken, 't0ken')
  assert.deepEqual(
    sts.to(TOKEN).map(({ headers }) => claimsOf(headers['dpop'])['nonce']),
    [undefined, 'n-1'],
  )
  assert.equal(proofs.length, 2)
  sts.answer(TOKEN, bound('second'))
  await client.token({ fresh: true })
  assert.equal(claimsOf(sts.to(TOKEN)[2]?.headers['dpop'])['nonce'], 'n-1')
})

const NEVER_SATISFIED: readonly (readonly [string, readonly StandInAnswer[], number])[] = [
  ['asks again with another nonce', [demand('n-1'), demand('n-2'), demand('n-3')], 2],
  ['asks with the same nonce', [demand('n-1'), demand('n-1')], 2],
  ['asks and brings none', [{ status: 400, body: { error: 'use_dpop_nonce' } }], 1],
  ['brings one that is none', [demand('a"b')], 1],
]

for (const [what, answers, requests] of NEVER_SATISFIED) {
  test(`a token endpoint that is never satisfied ends the exchange: ${what}`, async (t) => {
    const { sts, client } = await setUp(t)
    sts.answer(TOKEN, ...answers)
    await assert.rejects(client.token(), codeOf('exchange_refused'))
    assert.equal(sts.to(TOKEN).length, requests)
  })
}

test('use_dpop_nonce at the API is answered once with the nonce, with the same token', async (t) => {
  const { sts, api, client } = await setUp(t)
  sts.answer(TOKEN, bound('t0ken'))
  const refusal = (nonce: string): StandInAnswer => ({
    status: 401,
    body: {},
    headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"', 'dpop-nonce': nonce },
  })
  api.answer('/orders', refusal('n-1'), { body: {}, headers: { 'dpop-nonce': 'n-2' } }, { body: {} })
  assert.equal((await client.fetch(`${api.url}/orders`)).status, 200)
  assert.equal((await client.fetch(`${api.url}/orders`)).status, 200)
  const nonces = api.requests.map(({ headers }) => claimsOf(headers['dpop'])['nonce'])
  assert.deepEqual(nonces, [undefined, 'n-1', 'n-2'])
  assert.equal(sts.to(TOKEN).length, 1)
  // The nonce of one server is not sent to another.
  assert.equal(claimsOf(sts.to(TOKEN)[0]?.headers['dpop'])['nonce'], undefined)
})

test('a nonce that comes with another refusal is kept, and the refusal is answered with a fresh token', async (t) => {
  const { sts, api, client } = await setUp(t)
  sts.answer(TOKEN, bound('first'), bound('second'))
  const headers = { 'www-authenticate': 'DPoP error="invalid_token"', 'dpop-nonce': 'n-1' }
  api.answer('/orders', { status: 401, body: {}, headers }, { body: {} })
  assert.equal((await client.fetch(`${api.url}/orders`)).status, 200)
  const sent = api.requests.map((request) => [
    request.headers.authorization,
    claimsOf(request.headers['dpop'])['nonce'],
  ])
  assert.deepEqual(sent, [
    ['DPoP first', undefined],
    ['DPoP second', 'n-1'],
  ])
})

test('a redirect within the API gets a proof of its own', async (t) => {
  const { sts, api, client } = await setUp(t)
  sts.answer(TOKEN, bound('t0ken'))
  api.answer('/moved', { status: 307, body: '', headers: { location: '/orders' } })
  api.answer('/orders', { body: {} })
  await client.fetch(`${api.url}/moved`, { method: 'PUT', body: 'x' })
  assert.equal(thumbprints(api, '/moved', 't0ken').length, 1)
  assert.equal(thumbprints(api, '/orders', 't0ken').length, 1)
})
