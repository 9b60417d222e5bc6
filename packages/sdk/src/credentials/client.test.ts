import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { CountersignError, isCountersignError } from '../errors.ts'
import { type CredentialClientOptions, callbackSource, createCredentialClient } from './index.ts'
import { createManualClock, settle } from './manual-clock.fixture.ts'
import { granted, type StandInAnswer, startStandIn } from './stand-in-server.fixture.ts'

const AUDIENCE = 'https://orders.acme.internal'
const TOKEN = '/oauth/token'
const METADATA = '/.well-known/oauth-authorization-server'

/** Unlike any other text, so that it can be searched for. */
const secret = () => randomBytes(24).toString('base64url')

/** A server, a clock that stands, and a client whose proofs are numbered. */
async function setUp(t: TestContext, more: Partial<CredentialClientOptions> = {}) {
  const server = await startStandIn(t)
  const clock = createManualClock()
  const proofs: string[] = []
  const client = createCredentialClient({
    server: server.url,
    audience: AUDIENCE,
    sources: [
      callbackSource(async () => {
        proofs.push(secret())
        return proofs.at(-1)
      }),
    ],
    random: () => 0.5,
    now: clock.now,
    monotonicMs: clock.monotonicMs,
    setTimer: clock.setTimer,
    ...more,
  })
  t.after(() => client.close())
  return { server, clock, client, proofs }
}

/** Advances the clock until the promise has settled, so that its retries come due. */
async function drive<Value>(clock: ReturnType<typeof createManualClock>, promise: Promise<Value>): Promise<Value> {
  let settled = false
  const done = promise.finally(() => {
    settled = true
  })
  done.catch(() => undefined)
  for (let turn = 0; turn < 400 && !settled; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    // Only waits between tries are passed over; limits of time belong to the tests that are about them.
    const next = clock.waiting()[0]
    if (!settled && next !== undefined && next < 4000) await clock.advance(next)
  }
  return await done
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail('it did not fail')
}

const codeOf = (code: string) => (error: unknown) => error instanceof CountersignError && error.code === code

/** The answers that must not be repeated, and must not give a token: what it is, the answer, the code. */
const BAD_ANSWERS: readonly (readonly [string, StandInAnswer, string])[] = [
  ['400 with an error', { status: 400, body: { error: 'invalid_request' } }, 'exchange_refused'],
  ['401 with an error', { status: 401, body: { error: 'invalid_client' } }, 'exchange_refused'],
  ['403 with an unknown error', { status: 403, body: { error: 'whatever' } }, 'exchange_refused'],
  ['404 of another server', { status: 404, body: 'not here' }, 'response_refused'],
  ['400 that is no JSON', { status: 400, body: '<html>' }, 'response_refused'],
  ['500', { status: 500, body: { error: 'server_error' } }, 'exchange_unavailable'],
  ['501', { status: 501, body: '' }, 'exchange_unavailable'],
  ['301', { status: 301, body: '', headers: { location: 'https://evil.example/' } }, 'response_refused'],
  ['307', { status: 307, body: '', headers: { location: '/elsewhere' } }, 'response_refused'],
  ['204', { status: 204 }, 'response_refused'],
  ['201', { ...granted('t0ken'), status: 201 }, 'response_refused'],
  ['text', { body: 'access_token=x' }, 'response_refused'],
  ['JSON as another type', { ...granted('t0ken'), headers: { 'content-type': 'text/html' } }, 'response_refused'],
  ['an array', { body: [] }, 'response_refused'],
  [
    'a member twice',
    { body: '{"access_token":"a","access_token":"b"}', headers: { 'content-type': 'application/json' } },
    'response_refused',
  ],
  ['no token', granted('', { access_token: undefined }), 'response_refused'],
  ['a token that adds a header', granted('a\r\nx: y'), 'response_refused'],
  ['a token that is a number', granted('', { access_token: 7 }), 'response_refused'],
  ['a token of 20 kB', granted('a'.repeat(20_000)), 'response_refused'],
  ['no expires_in', granted('t0ken', { expires_in: undefined }), 'response_refused'],
  ['expires_in null', granted('t0ken', { expires_in: null }), 'response_refused'],
  ['expires_in 0', granted('t0ken', { expires_in: 0 }), 'response_refused'],
  ['expires_in negative', granted('t0ken', { expires_in: -1 }), 'response_refused'],
  ['expires_in as text', granted('t0ken', { expires_in: '900' }), 'response_refused'],
  [
    'expires_in beyond a number',
    {
      body: JSON.stringify(granted('t0ken').body).replace('900', '1e999'),
      headers: { 'content-type': 'application/json' },
    },
    'response_refused',
  ],
  ['a token type that is not ours', granted('t0ken', { token_type: 'N_A' }), 'response_refused'],
  ['a DPoP token that nobody asked for', granted('t0ken', { token_type: 'DPoP' }), 'response_refused'],
  ['no token type', granted('t0ken', { token_type: undefined }), 'response_refused'],
  [
    'a refresh token',
    granted('t0ken', { issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
    'response_refused',
  ],
  ['a scope that is no text', granted('t0ken', { scope: ['a'] }), 'response_refused'],
  ['a megabyte', granted('t0ken', { padding: 'a'.repeat(1_000_000) }), 'response_refused'],
  ['a broken connection', (_request, response) => void response.destroy(), 'exchange_unavailable'],
  [
    'half an answer',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{"access')
      setImmediate(() => response.destroy())
    },
    'exchange_unavailable',
  ],
]

for (const [what, answer, code] of BAD_ANSWERS) {
  test(`no token and no repetition: ${what}`, async (t) => {
    const { server, client, proofs, clock } = await setUp(t)
    server.answer(TOKEN, answer)
    await assert.rejects(drive(clock, client.token()), codeOf(code))
    assert.equal(server.to(TOKEN).length, 1)
    assert.equal(proofs.length, 1)
  })
}

test('a refusal brings the event id, the known word and nothing else of the answer (T29)', async (t) => {
  const { server, client, proofs } = await setUp(t)
  const canary = secret()
  server.answer(TOKEN, {
    status: 400,
    body: { error: 'invalid_target', error_description: canary, error_id: 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v' },
  })
  const error = await failureOf(client.token())
  assert.ok(isCountersignError(error, 'exchange_refused'))
  assert.equal(error.eventId, 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v')
  assert.equal(error.retryable, false)
  assert.match(error.message, /400 invalid_target/)
  const everything = `${error.stack} ${JSON.stringify(error)} ${String(error.cause)} ${JSON.stringify(error.cause)}`
  assert.ok(!everything.includes(canary))
  assert.ok(!everything.includes(proofs[0] ?? ''))
})

test('a hostile error id is dropped', async (t) => {
  const { server, client } = await setUp(t)
  server.answer(TOKEN, { status: 400, body: { error: 'x\ny', error_id: 'evt_`rm -rf`' } })
  const error = await failureOf(client.token())
  assert.ok(isCountersignError(error, 'exchange_refused'))
  assert.equal(error.eventId, undefined)
  assert.ok(!error.message.includes('x\ny'))
})

test('a server that never answers, or drips for ever, is given up after the time limit, and not asked again', async (t) => {
  const silent: StandInAnswer = () => undefined
  const drips: StandInAnswer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{')
  }
  for (const answer of [silent, drips]) {
    const { server, client, clock } = await setUp(t)
    server.answer(TOKEN, answer)
    const asked = client.token()
    asked.catch(() => undefined)
    while (server.to(TOKEN).length === 0) await settle()
    await clock.advance(4999)
    await clock.advance(1)
    const error = await failureOf(asked)
    assert.ok(isCountersignError(error, 'exchange_unavailable'))
    assert.match(error.message, /in time/)
    assert.equal(server.to(TOKEN).length, 1)
  }
})

test('502 then a token: tried again with a new proof', async (t) => {
  const { server, client, clock, proofs } = await setUp(t)
  server.answer(TOKEN, { status: 502, body: 'bad gateway' }, granted('t0ken'))
  assert.equal((await drive(clock, client.token())).accessToken, 't0ken')
  const sent = server.to(TOKEN).map(({ body }) => new URLSearchParams(body).get('subject_token'))
  assert.deepEqual(sent, proofs)
  assert.equal(new Set(proofs).size, 2, 'a proof may be good for one exchange only')
})

for (const status of [429, 502, 503, 504]) {
  test(`${status} for ever: three tries, then exchange_unavailable`, async (t) => {
    const { server, client, clock } = await setUp(t)
    server.answer(TOKEN, { status, body: {} })
    const error = await failureOf(drive(clock, client.token()))
    assert.ok(isCountersignError(error, 'exchange_unavailable'))
    assert.equal(error.retryable, true)
    assert.equal(server.to(TOKEN).length, 3)
  })
}

test('nobody listens: three tries', async (t) => {
  let attempts = 0
  const { client, clock } = await setUp(t, {
    fetch: async () => {
      attempts++
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) })
    },
  })
  await assert.rejects(drive(clock, client.token()), codeOf('exchange_unavailable'))
  assert.equal(attempts, 3)
})

test('Retry-After is honoured between tries, in seconds and as a date', async (t) => {
  const { server, client, clock } = await setUp(t)
  const date = new Date(clock.now().getTime() + 5000).toUTCString()
  server.answer(
    TOKEN,
    { status: 503, body: {}, headers: { 'retry-after': '3' } },
    { status: 503, body: {}, headers: { 'retry-after': date } },
    granted('t0ken'),
  )
  const asked = client.token()
  const waits: number[] = []
  for (const count of [1, 2]) {
    while (server.to(TOKEN).length < count || clock.waiting().length !== 1 || (clock.waiting()[0] ?? 0) > 4000)
      await settle()
    waits.push(...clock.waiting())
    await clock.advance(clock.waiting()[0] ?? 0)
  }
  assert.equal((await asked).accessToken, 't0ken')
  assert.deepEqual(waits, [3000, 2000])
})

test('a Retry-After beyond the budget ends the tries at once, and is honoured by the callers after it', async (t) => {
  const { server, client, clock } = await setUp(t)
  server.answer(TOKEN, { status: 429, body: { error_id: 'ref_1' }, headers: { 'retry-after': '60' } }, granted('t0ken'))
  const error = await failureOf(client.token())
  assert.ok(isCountersignError(error, 'exchange_unavailable'))
  assert.equal(error.eventId, 'ref_1')
  await clock.advance(59_999)
  await assert.rejects(client.token(), codeOf('exchange_unavailable'))
  await assert.rejects(client.token({ fresh: true }), codeOf('exchange_unavailable'))
  assert.equal(server.to(TOKEN).length, 1)
  await clock.advance(1)
  assert.equal((await client.token()).accessToken, 't0ken')
})

test('an absurd Retry-After is believed for five minutes at most', async (t) => {
  const { server, client, clock } = await setUp(t)
  server.answer(TOKEN, { status: 503, body: {}, headers: { 'retry-after': '99999999999' } }, granted('t0ken'))
  await assert.rejects(client.token(), codeOf('exchange_unavailable'))
  await clock.advance(300_000)
  assert.equal((await client.token()).accessToken, 't0ken')
})

test('a denial is remembered for five seconds and no longer, whoever asks', async (t) => {
  const { server, client, clock } = await setUp(t)
  server.answer(TOKEN, { status: 400, body: { error: 'invalid_target', error_id: 'evt_1' } }, granted('t0ken'))
  await assert.rejects(client.token(), codeOf('exchange_refused'))
  await clock.advance(4999)
  await assert.rejects(client.token(), codeOf('exchange_refused'))
  assert.equal(server.to(TOKEN).length, 1)
  await clock.advance(1)
  assert.equal((await client.token()).accessToken, 't0ken')
})

test('1,000 callers at once cause one exchange and get one token', async (t) => {
  const { server, client, proofs } = await setUp(t)
  server.answer(TOKEN, granted('t0ken'), granted('another'))
  const tokens = await Promise.all(Array.from({ length: 1000 }, (_, index) => client.token({ fresh: index % 2 === 0 })))
  assert.deepEqual(new Set(tokens.map(({ accessToken }) => accessToken)), new Set(['t0ken']))
  assert.equal(server.to(TOKEN).length, 1)
  assert.equal(server.to(METADATA).length, 1)
  assert.equal(proofs.length, 1)
})

test('a caller who gives up ends his own waiting only', async (t) => {
  const { server, client } = await setUp(t)
  let release = (): void => undefined
  server.answer(TOKEN, (_request, response) => {
    release = () => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(granted('t0ken').body))
    }
  })
  const reason = new Error('enough')
  const abort = new AbortController()
  const impatient = client.token({ signal: abort.signal })
  const patient = client.token()
  while (server.to(TOKEN).length === 0) await settle()
  abort.abort(reason)
  await assert.rejects(impatient, reason)
  await assert.rejects(client.token({ signal: abort.signal }), reason)
  release()
  assert.equal((await patient).accessToken, 't0ken')
  assert.equal((await client.token()).accessToken, 't0ken')
  assert.equal(server.to(TOKEN).length, 1)
})

test('a closed client answers client_closed, also to those who wait, and leaves no timer', async (t) => {
  const { server, client, clock } = await setUp(t)
  server.answer(TOKEN, () => undefined)
  const waiting = client.token()
  waiting.catch(() => undefined)
  while (server.to(TOKEN).length === 0) await settle()
  client.close()
  await assert.rejects(waiting, codeOf('client_closed'))
  await assert.rejects(client.token(), codeOf('client_closed'))
  assert.deepEqual(clock.waiting(), [])
})

test('the request is that of RFC 8693, and the token says what was granted', async (t) => {
  const { server, client, proofs, clock } = await setUp(t, { scope: 'orders:read orders:list', ttlSeconds: 300 })
  server.answer(TOKEN, granted('t0ken'))
  const token = await client.token()
  assert.deepEqual(token, {
    accessToken: 't0ken',
    tokenType: 'Bearer',
    expiresAt: new Date(clock.now().getTime() + 900_000),
    lifetimeSeconds: 900,
    scopes: ['orders:read'],
    eventId: 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v',
  })
  const [request] = server.to(TOKEN)
  assert.equal(request?.headers['content-type'], 'application/x-www-form-urlencoded')
  assert.equal(request?.headers.authorization, undefined)
  assert.deepEqual(Object.fromEntries(new URLSearchParams(request?.body)), {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: proofs[0],
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: AUDIENCE,
    scope: 'orders:read orders:list',
    expires_in: '300',
  })
})

test('a life beyond a day counts as a day', async (t) => {
  const { server, client, clock } = await setUp(t)
  server.answer(TOKEN, granted('t0ken', { expires_in: 9_007_199_254_740_991 }))
  const { expiresAt } = await client.token()
  assert.equal(expiresAt.getTime() - clock.now().getTime(), 86_400_000)
  // setTimeout fires at once for more than 2^31 ms.
  assert.ok((clock.waiting()[0] ?? 0) < 2 ** 31)
})

test('a token in use is refreshed in the background at 80% of its life, and the old one is used meanwhile', async (t) => {
  const { server, client, clock } = await setUp(t)
  let release = (): void => undefined
  server.answer(TOKEN, granted('first'), (_request, response) => {
    release = () => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(granted('second').body))
    }
  })
  await client.token()
  assert.deepEqual(clock.waiting(), [720_000])
  await clock.advance(719_999)
  assert.equal(server.to(TOKEN).length, 1)
  await clock.advance(1)
  while (server.to(TOKEN).length < 2) await settle()
  assert.equal((await client.token()).accessToken, 'first')
  release()
  while ((await client.token()).accessToken === 'first') await settle()
  assert.equal((await client.token()).accessToken, 'second')
  assert.equal(server.to(TOKEN).length, 2)
})

test('the jitter is ten per cent of it, both ways', async (t) => {
  for (const [random, expected] of [
    [0, 648_000],
    [0.999999, 791_999.856],
  ] as const) {
    const { server, client, clock } = await setUp(t, { random: () => random })
    server.answer(TOKEN, granted('t0ken'))
    await client.token()
    assert.ok(Math.abs((clock.waiting()[0] ?? 0) - expected) < 1)
  }
})

test('a token that nobody uses any more is left to end; with keepFresh it is refreshed', async (t) => {
  const idle = await setUp(t)
  idle.server.answer(TOKEN, granted('first'), granted('second'), granted('third'))
  await idle.client.token()
  await idle.clock.advance(720_000)
  while (idle.server.to(TOKEN).length < 2 || idle.clock.waiting()[0] !== 720_000) await settle()
  await idle.clock.advance(10_000_000)
  assert.equal(idle.server.to(TOKEN).length, 2)
  assert.equal((await idle.client.token()).accessToken, 'third')
  const kept = await setUp(t, { keepFresh: true })
  kept.server.answer(TOKEN, granted('t0ken'))
  await kept.client.token()
  for (let round = 2; round < 6; round++) {
    await kept.clock.advance(720_000)
    while (kept.server.to(TOKEN).length < round || kept.clock.waiting()[0] !== 720_000) await settle()
  }
})

test('a refresh that fails is reported, repeated with longer pauses, and recovers; the old token is used while it is valid', async (t) => {
  const failures: string[] = []
  const { server, client, clock } = await setUp(t, { tries: 1, onRefreshFailed: ({ code }) => failures.push(code) })
  server.answer(
    TOKEN,
    granted('first'),
    { status: 503, body: {} },
    { status: 400, body: { error: 'invalid_target' } },
    granted('second'),
  )
  await client.token()
  await clock.advance(720_000)
  while (failures.length < 1) await settle()
  assert.equal((await client.token()).accessToken, 'first')
  assert.deepEqual(clock.waiting(), [3750])
  await clock.advance(3750)
  while (failures.length < 2) await settle()
  assert.deepEqual(clock.waiting(), [7500])
  assert.equal((await client.token()).accessToken, 'first')
  await clock.advance(7500)
  while ((await client.token()).accessToken === 'first') await settle()
  assert.deepEqual(failures, ['exchange_unavailable', 'exchange_refused'])
  assert.equal(server.to(TOKEN).length, 4)
})

test('an old token is never used in the last ten seconds of its life, whatever the server does', async (t) => {
  const { server, client, clock } = await setUp(t, { tries: 1 })
  server.answer(TOKEN, granted('first'), { status: 503, body: {} })
  await client.token()
  clock.jump(-3_600_000)
  await clock.advance(889_999)
  assert.equal((await client.token()).accessToken, 'first')
  await clock.advance(1)
  await settle()
  await assert.rejects(client.token(), codeOf('exchange_unavailable'))
})

test('a wall clock set ahead ends the token, as after a suspension; set back, it keeps no token alive', async (t) => {
  const { server, client, clock } = await setUp(t)
  server.answer(TOKEN, granted('first'), granted('second'), granted('third'))
  await client.token()
  clock.jump(3_600_000)
  assert.equal((await client.token()).accessToken, 'second')
  clock.jump(-7_200_000)
  assert.equal((await client.token()).accessToken, 'second')
  await clock.advance(1_000_000)
  assert.notEqual((await client.token()).accessToken, 'second')
})

test('a callback that throws loses no token: it is a warning', async (t) => {
  const { server, client } = await setUp(t, {
    onToken: () => {
      throw new Error('from the application')
    },
  })
  server.answer(TOKEN, granted('t0ken'))
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  assert.equal((await client.token()).accessToken, 't0ken')
  assert.equal((await warned).message, 'from the application')
})

const BAD_METADATA: readonly (readonly [string, (url: string) => StandInAnswer, string])[] = [
  ['another issuer', (url) => ({ body: { issuer: `${url}/`, token_endpoint: `${url}/t` } }), 'discovery_invalid'],
  ['no issuer', (url) => ({ body: { token_endpoint: `${url}/t` } }), 'discovery_invalid'],
  ['no token endpoint', (url) => ({ body: { issuer: url } }), 'discovery_invalid'],
  [
    'a token endpoint elsewhere',
    (url) => ({ body: { issuer: url, token_endpoint: 'https://evil.example/t' } }),
    'discovery_invalid',
  ],
  [
    'a token endpoint on another port',
    (url) => ({ body: { issuer: url, token_endpoint: 'http://127.0.0.1:1/t' } }),
    'discovery_invalid',
  ],
  ['404', () => ({ status: 404, body: {} }), 'discovery_invalid'],
  ['a redirect', () => ({ status: 302, body: '', headers: { location: '/x' } }), 'discovery_invalid'],
  ['HTML', () => ({ body: '<html>' }), 'discovery_invalid'],
  [
    'a megabyte',
    (url) => ({ body: { issuer: url, token_endpoint: `${url}/t`, padding: 'a'.repeat(1_000_000) } }),
    'discovery_invalid',
  ],
  ['500', () => ({ status: 500, body: '' }), 'exchange_unavailable'],
]

for (const [what, answer, code] of BAD_METADATA) {
  test(`no proof is asked for or sent when the metadata is bad: ${what}`, async (t) => {
    const { server, client, proofs, clock } = await setUp(t)
    server.answer(METADATA, answer(server.url))
    await assert.rejects(drive(clock, client.token()), codeOf(code))
    assert.equal(proofs.length, 0)
    assert.equal(server.requests.length, 1)
  })
}

test('metadata is tried again after 503, and read anew when the endpoint has moved', async (t) => {
  const { server, client, clock } = await setUp(t)
  const metadata = (path: string) => ({ body: { issuer: server.url, token_endpoint: `${server.url}${path}` } })
  server.answer(METADATA, { status: 503, body: '' }, metadata('/old'), metadata('/new'))
  server.answer('/old', granted('first'), { status: 404, body: 'gone' })
  server.answer('/new', granted('second'))
  assert.equal((await drive(clock, client.token())).accessToken, 'first')
  await assert.rejects(client.token({ fresh: true }), codeOf('response_refused'))
  await clock.advance(1000)
  assert.equal((await client.token({ fresh: true })).accessToken, 'second')
})

test('an issuer with a path has its metadata where RFC 8414 section 3.1 puts it', async (t) => {
  const { server, client } = await setUp(t)
  client.close()
  const issuer = `${server.url}/sts`
  server.answer(`${METADATA}/sts`, { body: { issuer, token_endpoint: `${issuer}/token` } })
  server.answer('/sts/token', granted('t0ken'))
  const sources = [callbackSource(async ({ audience }) => `proof-for-${(await audience()).replaceAll(/\W/g, '')}`)]
  const other = createCredentialClient({ server: issuer, audience: AUDIENCE, sources })
  t.after(() => other.close())
  assert.equal((await other.token()).accessToken, 't0ken')
  const form = new URLSearchParams(server.to('/sts/token')[0]?.body)
  assert.equal(form.get('subject_token'), `proof-for-${issuer.replaceAll(/\W/g, '')}`)
})

const BAD_OPTIONS: readonly (readonly [string, Partial<CredentialClientOptions>])[] = [
  ['http beyond loopback', { server: 'http://sts.acme.example' }],
  ['a server with a password', { server: 'https://a:b@sts.acme.example' }],
  ['a server with a query', { server: 'https://sts.acme.example?x' }],
  ['a server in another spelling', { server: 'https://STS.acme.example/a/../b' }],
  ['no URL', { server: 'sts.acme.example' }],
  ['no audience', { audience: undefined as unknown as string }],
  ['an audience with a line break', { audience: 'https://a\n' }],
  ['a scope that is none', { scope: ['a b'] }],
  ['a scope with a quote', { scope: 'a"b' }],
  ['an origin with a path', { origins: ['https://orders.acme/x'] }],
  ['an origin over http', { origins: ['http://orders.acme'] }],
  ['a token endpoint elsewhere', { tokenEndpoint: 'https://evil.example/oauth/token' }],
  ['a timeout of nothing', { timeoutMs: 0 }],
  ['a timeout of never', { timeoutMs: Number.POSITIVE_INFINITY }],
  ['no tries', { tries: 0 }],
  ['a life of half a second', { ttlSeconds: 0.5 }],
]

for (const [what, options] of BAD_OPTIONS) {
  test(`refused when it is made: ${what}`, () => {
    const make = () => createCredentialClient({ server: 'https://sts.acme.example', audience: AUDIENCE, ...options })
    assert.throws(make, codeOf('configuration_invalid'))
  })
}
