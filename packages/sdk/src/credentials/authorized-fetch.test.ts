import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { CountersignError } from '../errors.ts'
import { type CredentialClientOptions, callbackSource, createCredentialClient } from './index.ts'
import { createManualClock } from './manual-clock.fixture.ts'
import { granted, type StandInAnswer, startStandIn } from './stand-in-server.fixture.ts'

const TOKEN = '/oauth/token'
const codeOf = (code: string) => (error: unknown) => error instanceof CountersignError && error.code === code

/** A server, an API, a stranger, and a client whose tokens are numbered. */
async function setUp(t: TestContext, more: Partial<CredentialClientOptions> = {}) {
  const [sts, api, stranger] = [await startStandIn(t), await startStandIn(t), await startStandIn(t)]
  const clock = createManualClock()
  sts.answer(TOKEN, ...[1, 2, 3, 4, 5].map((number) => granted(`t0ken-${number}`)))
  for (const server of [api, stranger]) server.answer('/orders', { body: { ok: true } })
  const client = createCredentialClient({
    server: sts.url,
    audience: api.url,
    sources: [callbackSource(async () => 'proof')],
    now: clock.now,
    monotonicMs: clock.monotonicMs,
    setTimer: clock.setTimer,
    ...more,
  })
  t.after(() => client.close())
  const tokensTo = (server: typeof api) => server.requests.map(({ headers }) => headers.authorization)
  return { sts, api, stranger, client, clock, tokensTo }
}

const UNAUTHORISED: StandInAnswer = {
  status: 401,
  body: {},
  headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
}

test('the token goes to no other origin, and none is asked for', async (t) => {
  const { sts, api, stranger, client } = await setUp(t)
  const { port } = new URL(api.url)
  const elsewhere = [
    `${stranger.url}/orders`,
    `http://localhost:${port}/orders`,
    `http://127.0.0.2:${port}/orders`,
    `https://127.0.0.1:${port}/orders`,
    `http://127.0.0.1:${port}@evil.example/orders`,
    `http://evil.example:${port}/orders`,
    `blob:${api.url}/4f1c2b7e`,
    'data:text/plain,x',
    'file:///etc/passwd',
    '/orders',
    '',
  ]
  for (const url of elsewhere) await assert.rejects(client.fetch(url), codeOf('url_refused'), url)
  await assert.rejects(client.fetch(new Request(`${stranger.url}/orders`)), codeOf('url_refused'))
  await assert.rejects(client.fetch(new URL('/orders', stranger.url)), codeOf('url_refused'))
  await assert.rejects(client.fetch(`http://user:pass@127.0.0.1:${port}/orders`), codeOf('url_refused'))
  assert.equal(sts.requests.length + stranger.requests.length + api.requests.length, 0)
})

test('an audience that is no URL has no origin; one that is named is used in its place', async (t) => {
  const none = await setUp(t, { audience: 'orders-api' })
  await assert.rejects(none.client.fetch(`${none.api.url}/orders`), codeOf('url_refused'))
  const { api, sts } = none
  const named = createCredentialClient({
    server: sts.url,
    audience: 'orders-api',
    origins: [api.url],
    sources: [callbackSource(async () => 'proof')],
  })
  t.after(() => named.close())
  assert.equal((await named.fetch(`${api.url}/orders`)).status, 200)
})

for (const status of [301, 302, 303, 307, 308]) {
  test(`a redirect (${status}) to another origin is returned and not followed, whoever it is`, async (t) => {
    const { api, stranger, client } = await setUp(t)
    for (const location of [
      `${stranger.url}/orders`,
      `//${new URL(stranger.url).host}/orders`,
      'https://evil.example/',
    ]) {
      api.answer('/moved', { status, body: '', headers: { location } })
      const response = await client.fetch(`${api.url}/moved`, { method: 'POST', body: 'order' })
      assert.equal(response.status, status)
      assert.equal(response.headers.get('location'), location)
    }
    assert.equal(stranger.requests.length, 0)
  })
}

test('a redirect within the origin is followed with the token, five times at most', async (t) => {
  const { api, client, tokensTo } = await setUp(t)
  api.answer('/moved', { status: 307, body: '', headers: { location: '/orders' } })
  const response = await client.fetch(`${api.url}/moved`, { method: 'PUT', body: 'order' })
  assert.equal(response.status, 200)
  assert.deepEqual(
    api.requests.map(({ method, path, body }) => [method, path, body]),
    [
      ['PUT', '/moved', 'order'],
      ['PUT', '/orders', 'order'],
    ],
  )
  assert.deepEqual(tokensTo(api), ['Bearer t0ken-1', 'Bearer t0ken-1'])
  api.answer('/loop', { status: 302, body: '', headers: { location: '/loop' } })
  assert.equal((await client.fetch(`${api.url}/loop`)).status, 302)
  assert.equal(api.to('/loop').length, 6)
})

test('after 303, and after 301 and 302 of a POST, the redirect is a GET without the body', async (t) => {
  const { api, client } = await setUp(t)
  for (const [status, method, followed] of [
    [303, 'PUT', 'GET'],
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [301, 'PUT', 'PUT'],
  ] as const) {
    api.answer('/moved', { status, body: '', headers: { location: '/orders' } })
    await client.fetch(`${api.url}/moved`, { method, body: '{}', headers: { 'content-type': 'application/json' } })
    const last = api.requests.at(-1)
    assert.equal(last?.method, followed)
    assert.equal(last?.body, followed === 'GET' ? '' : '{}')
    assert.equal(last?.headers['content-type'], followed === 'GET' ? undefined : 'application/json')
  }
})

test('redirect: manual returns the redirect, redirect: error rejects', async (t) => {
  const { api, client } = await setUp(t)
  api.answer('/moved', { status: 302, body: '', headers: { location: '/orders' } })
  assert.equal((await client.fetch(`${api.url}/moved`, { redirect: 'manual' })).status, 302)
  await assert.rejects(client.fetch(`${api.url}/moved`, { redirect: 'error' }), TypeError)
  assert.equal(api.to('/orders').length, 0)
})

test('401 is tried once more with a fresh token, and no more than once', async (t) => {
  const { sts, api, client, tokensTo } = await setUp(t)
  api.answer('/orders', UNAUTHORISED, { body: { ok: true } })
  const response = await client.fetch(`${api.url}/orders`, { method: 'POST', body: 'order' })
  assert.equal(response.status, 200)
  assert.deepEqual(tokensTo(api), ['Bearer t0ken-1', 'Bearer t0ken-2'])
  api.answer('/orders', UNAUTHORISED)
  assert.equal((await client.fetch(`${api.url}/orders`)).status, 401)
  assert.deepEqual(tokensTo(api).slice(2), ['Bearer t0ken-2', 'Bearer t0ken-3'])
  assert.equal(sts.to(TOKEN).length, 3)
})

test('an API that refuses every token causes one exchange in five seconds, not one per request', async (t) => {
  const { sts, api, client, clock } = await setUp(t)
  api.answer('/orders', UNAUTHORISED)
  for (let round = 0; round < 10; round++) assert.equal((await client.fetch(`${api.url}/orders`)).status, 401)
  assert.equal(sts.to(TOKEN).length, 2)
  await clock.advance(5000)
  api.answer('/orders', UNAUTHORISED, { body: { ok: true } })
  assert.equal((await client.fetch(`${api.url}/orders`)).status, 200)
  assert.equal(sts.to(TOKEN).length, 3)
})

test('many requests that were refused together share one fresh token', async (t) => {
  const { sts, api, client } = await setUp(t)
  await client.token()
  api.answer('/orders', (request, response) => {
    response.writeHead(request.headers.authorization === 'Bearer t0ken-1' ? 401 : 200).end()
  })
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.fetch(`${api.url}/orders`)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  assert.equal(sts.to(TOKEN).length, 2)
})

test('401 when no fresh token can be had: the answer of the API stands, whole', async (t) => {
  const { sts, api, client } = await setUp(t)
  sts.answer(TOKEN, granted('t0ken-1'), { status: 400, body: { error: 'invalid_target' } })
  api.answer('/orders', { ...UNAUTHORISED, body: { why: 'revoked' } })
  const response = await client.fetch(`${api.url}/orders`)
  assert.equal(response.status, 401)
  assert.deepEqual(await response.json(), { why: 'revoked' })
})

test('a body that is a stream is sent once, also after 401 and 307', async (t) => {
  const { sts, api, client } = await setUp(t)
  const stream = () => new Blob(['order']).stream()
  const duplex = { duplex: 'half' } as RequestInit
  api.answer('/orders', UNAUTHORISED)
  const streamed = await client.fetch(`${api.url}/orders`, { method: 'POST', body: stream(), ...duplex })
  const request = new Request(`${api.url}/orders`, { method: 'POST', body: 'order' })
  assert.deepEqual([streamed.status, (await client.fetch(request)).status], [401, 401])
  api.answer('/moved', { status: 307, body: '', headers: { location: '/orders' } })
  assert.equal((await client.fetch(`${api.url}/moved`, { method: 'POST', body: stream() })).status, 307)
  assert.deepEqual(
    api.requests.map(({ body }) => body),
    ['order', 'order', 'order'],
  )
  assert.equal(sts.to(TOKEN).length, 1)
})

const BODIES: readonly (readonly [string, () => RequestInit['body']])[] = [
  ['text', () => 'order'],
  ['a form', () => new URLSearchParams({ order: '1' })],
  ['bytes', () => new Uint8Array([111, 114, 100, 101, 114])],
  ['a buffer', () => new TextEncoder().encode('order').buffer as ArrayBuffer],
  ['a blob', () => new Blob(['order'])],
  ['nothing', () => null],
]

for (const [what, body] of BODIES) {
  test(`a body that can be sent again is sent again: ${what}`, async (t) => {
    const { api, client } = await setUp(t)
    api.answer('/orders', UNAUTHORISED, { body: {} })
    assert.equal((await client.fetch(`${api.url}/orders`, { method: 'POST', body: body() ?? null })).status, 200)
    const [first, second] = api.requests
    assert.equal(first?.body, second?.body)
    assert.equal(first?.headers['content-type'], second?.headers['content-type'])
  })
}

test('a Request is sent as it is, what the caller says of authorization is replaced', async (t) => {
  const { api, client } = await setUp(t)
  const request = new Request(`${api.url}/orders?x=1`, {
    method: 'PATCH',
    headers: { authorization: 'Basic x', dpop: 'x', 'x-trace': '7', 'content-type': 'application/json' },
    body: '{}',
  })
  await client.fetch(request)
  const [received] = api.requests
  assert.equal(received?.method, 'PATCH')
  assert.equal(received?.body, '{}')
  assert.equal(received?.headers.authorization, 'Bearer t0ken-1')
  assert.equal(received?.headers['dpop'], undefined)
  assert.equal(received?.headers['x-trace'], '7')
  assert.equal(received?.headers['content-type'], 'application/json')
})

test('a signal ends the call, also while it waits for the token; the exchange goes on', async (t) => {
  const { sts, api, client } = await setUp(t)
  const reason = new Error('enough')
  await assert.rejects(client.fetch(`${api.url}/orders`, { signal: AbortSignal.abort(reason) }), reason)
  const abort = new AbortController()
  sts.answer(TOKEN, (_request, response) => {
    abort.abort(reason)
    setImmediate(() =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(granted('t0ken').body)),
    )
  })
  await assert.rejects(client.fetch(`${api.url}/orders`, { signal: abort.signal }), reason)
  assert.equal(api.requests.length, 0)
  assert.equal((await client.token()).accessToken, 't0ken')
  assert.equal(sts.to(TOKEN).length, 1)
})

test('a failing fetch of the API is the error of fetch, and not repeated', async (t) => {
  const { api, client } = await setUp(t)
  api.answer('/orders', (_request, response) => void response.destroy())
  await assert.rejects(client.fetch(`${api.url}/orders`), TypeError)
  assert.equal(api.requests.length, 1)
})
