import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { encode, makeKey, signToken } from '../signed-tokens.fixture.ts'
import { createTokenVerifier } from '../verify/index.ts'
import { selfSign, startIssuer } from './issuer-server.fixture.ts'
import type { KeySetChange } from './key-set-change.ts'
import { createRemoteKeySet } from './remote-key-set.ts'
import type { KeySetAlarm, RemoteKeySetOptions } from './remote-options.ts'

const first = makeKey('ES256', 'k1')
const second = makeKey('ES256', 'k2')
const MINUTE = 60_000

async function setUp(t: TestContext, options: Partial<RemoteKeySetOptions> = {}) {
  const server = await startIssuer(t)
  server.keys = [first]
  const alarms: KeySetAlarm[] = []
  const changes: KeySetChange[] = []
  const clock = { ms: 1_800_000_000_000 }
  const keys = createRemoteKeySet({
    issuer: server.issuer,
    jwksUri: `${server.issuer}/jwks`,
    allowLoopbackHttp: true,
    connectTimeoutMs: 20_000,
    totalTimeoutMs: 20_000,
    now: () => new Date(clock.ms),
    onAlarm: (alarm) => alarms.push(alarm),
    onChange: (change) => changes.push(change),
    ...options,
  })
  t.after(() => keys.close())
  const fail = (status = 500) => {
    server.intercept = (_request, response) => {
      response.writeHead(status).end('c4n4ry')
      return true
    }
  }
  return { server, keys, alarms, changes, clock, fail }
}

test('J-03: keys are discovered where the issuer itself says, and nothing is fetched before the first use', async (t) => {
  const { server, keys } = await setUp(t)
  const discovered = createRemoteKeySet({ issuer: server.issuer, allowLoopbackHttp: true })
  t.after(() => discovered.close())
  await pause(20)
  assert.equal(server.connections, 0)
  assert.equal(discovered.peek('k1', 'ES256'), undefined)
  assert.equal(discovered.has('k1'), false)
  assert.equal(server.connections, 0)
  assert.equal((await discovered.find('k1', 'ES256')).kid, 'k1')
  assert.deepEqual(server.requests, ['/.well-known/openid-configuration', '/jwks'])
  assert.equal(discovered.peek('k1', 'ES256')?.kid, 'k1')
  assert.deepEqual(discovered.cachedKids(), ['k1'])
  await keys.prefetch()
  assert.equal(keys.has('k1'), true)
})

test('J-03: a discovery document of another issuer, or with keys elsewhere, is refused', async (t) => {
  const { server } = await setUp(t)
  const other = await startIssuer(t)
  other.keys = [first]
  const documents: [unknown, string][] = [
    [{ issuer: `${server.issuer}/`, jwks_uri: `${server.issuer}/jwks` }, 'another issuer'],
    [{ issuer: [server.issuer], jwks_uri: `${server.issuer}/jwks` }, 'another issuer'],
    [{ jwks_uri: `${server.issuer}/jwks` }, 'another issuer'],
    [{ issuer: server.issuer }, 'no jwks_uri'],
    [{ issuer: server.issuer, jwks_uri: [`${server.issuer}/jwks`] }, 'no jwks_uri'],
    [{ issuer: server.issuer, jwks_uri: `${other.issuer}/jwks` }, 'origin'],
    [{ issuer: server.issuer, jwks_uri: 'http://169.254.169.254/latest' }, 'https'],
    [{ issuer: server.issuer, jwks_uri: 'https://169.254.169.254/latest' }, 'origin'],
    [{ issuer: server.issuer, jwks_uri: 'file:///etc/passwd' }, 'canonical'],
    [{ issuer: server.issuer, jwks_uri: '/jwks' }, 'canonical'],
    [`{"issuer":"x","issuer":"${server.issuer}","jwks_uri":"${server.issuer}/jwks"}`, 'acceptable'],
  ]
  for (const [document, reason] of documents) {
    server.intercept = (request, response) => {
      if (request.url === '/jwks') return false
      response.setHeader('content-type', 'application/json')
      response.end(typeof document === 'string' ? document : JSON.stringify(document))
      return true
    }
    const keys = createRemoteKeySet({ issuer: server.issuer, allowLoopbackHttp: true })
    await assert.rejects(keys.find('k1', 'ES256'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'keys_unavailable')
      assert.match(error.message, new RegExp(reason), JSON.stringify(document))
      return true
    })
    const itself = /another issuer|no jwks_uri|origin/.test(reason)
    if (itself) await assert.rejects(keys.prefetch(), { code: 'discovery_invalid' })
    keys.close()
  }
  assert.equal(other.connections, 0)
  assert.ok(!server.requests.includes('/jwks'))
  server.intercept = (request, response) => {
    if (request.url === '/jwks') return false
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ issuer: server.issuer, jwks_uri: `${other.issuer}/jwks` }))
    return true
  }
  const allowed = createRemoteKeySet({ issuer: server.issuer, allowLoopbackHttp: true, allowedOrigins: [other.issuer] })
  t.after(() => allowed.close())
  assert.equal((await allowed.find('k1', 'ES256')).kid, 'k1')
})

test('J-02: a name that turns to a forbidden address between two documents is refused (rebinding)', async (t) => {
  const tls = selfSign('issuer.example')
  const server = await startIssuer(t, { tls, host: 'issuer.example' })
  server.keys = [first]
  let asked = 0
  const answers = ['127.0.0.1', '169.254.169.254']
  const keys = createRemoteKeySet({
    issuer: server.issuer,
    allowPrivateNetwork: true,
    ca: tls.cert,
    lookup: async () => [{ address: answers[asked++] ?? '127.0.0.1', family: 4 }],
  })
  t.after(() => keys.close())
  await assert.rejects(keys.find('k1', 'ES256'), /may not be connected to/)
  assert.deepEqual(server.requests, ['/.well-known/openid-configuration'])
  await keys.prefetch()
  assert.equal(keys.peek('k1', 'ES256')?.kid, 'k1')
})

test('J-01, J-02: without the dangerous options nothing on loopback or private is reached', async (t) => {
  const { server } = await setUp(t)
  assert.throws(() => createRemoteKeySet({ issuer: server.issuer }), { code: 'url_refused' })
  assert.throws(() => createRemoteKeySet({ issuer: 'x', jwksUri: `${server.issuer}/jwks` }), { code: 'url_refused' })
  const { port } = new URL(server.issuer)
  for (const address of ['127.0.0.1', '10.1.2.3', 'fd00::1']) {
    const keys = createRemoteKeySet({
      issuer: `https://issuer.example:${port}`,
      allowedOrigins: [`https://issuer.example:${port}`],
      lookup: async () => [{ address, family: address.includes(':') ? 6 : 4 }],
    })
    await assert.rejects(keys.find('k1', 'ES256'), /may not be connected to/)
    keys.close()
  }
  assert.equal(server.connections, 0)
  for (const allowedOrigins of [['https://a.example/'], ['a.example'], ['https://A.example'], ['*']]) {
    assert.throws(() => createRemoteKeySet({ issuer: 'https://a.example', allowedOrigins }), {
      code: 'configuration_invalid',
    })
  }
})

test('J-08: keys are fresh for 10 minutes, and then asked for again', async (t) => {
  const { server, keys, clock } = await setUp(t)
  await keys.find('k1', 'ES256')
  clock.ms += 6 * MINUTE
  for (let i = 0; i < 100; i++) await keys.find('k1', 'ES256')
  assert.equal(server.requests.length, 1)
  clock.ms += 4 * MINUTE
  assert.equal(keys.peek('k1', 'ES256'), undefined)
  server.keys = [second]
  await assert.rejects(keys.find('k1', 'ES256'), { code: 'key_unknown' })
  assert.equal(keys.peek('k2', 'ES256')?.kid, 'k2')
  assert.equal(server.requests.length, 2)
})

test('J-08: while the issuer fails, the last good keys serve for 24 hours, with alarms, and are never overwritten', async (t) => {
  const { server, keys, clock, alarms, fail } = await setUp(t)
  await keys.find('k1', 'ES256')
  clock.ms += 11 * MINUTE
  const refused: (() => void)[] = [
    () => fail(500),
    () => fail(404),
    () => fail(302),
    ...[
      '{"keys":[{"kty":"oct","k":"AAAA"}]}',
      `{"keys":[${JSON.stringify(first.jwk)},${JSON.stringify(first.jwk)}]}`,
      '{"keys":"none"}',
      '{"keys":[],"keys":[]}',
      'null',
      '',
    ].map((body) => () => {
      server.intercept = (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(body)
        return true
      }
    }),
  ]
  for (const refuse of refused) {
    refuse()
    alarms.length = 0
    assert.equal((await keys.find('k1', 'ES256')).kid, 'k1')
    while (alarms.length === 0) await pause(5)
    assert.deepEqual(
      alarms.map((alarm) => alarm.code),
      ['refresh_failed'],
    )
    assert.doesNotMatch(JSON.stringify(alarms), /c4n4ry/)
    assert.equal(keys.peek('k1', 'ES256')?.kid, 'k1')
    clock.ms += 31_000
  }
  clock.ms += 24 * 60 * MINUTE
  alarms.length = 0
  assert.equal(keys.peek('k1', 'ES256'), undefined)
  await assert.rejects(keys.find('k1', 'ES256'), { code: 'keys_unavailable', retryable: true })
  assert.deepEqual(
    alarms.map((alarm) => alarm.code),
    ['keys_expired'],
  )
  server.intercept = undefined
  clock.ms += 31_000
  assert.equal((await keys.find('k1', 'ES256')).kid, 'k1')
})

test('J-08: after a long silence stale keys are not used before the issuer has been asked', async (t) => {
  const { server, keys, clock, fail } = await setUp(t)
  await keys.find('k1', 'ES256')
  clock.ms += 11 * MINUTE
  fail()
  await keys.find('k1', 'ES256')
  // The issuer is back, and has withdrawn the key meanwhile.
  server.intercept = undefined
  server.keys = [second]
  clock.ms += 60 * MINUTE
  assert.equal(keys.peek('k1', 'ES256'), undefined)
  await assert.rejects(keys.find('k1', 'ES256'), { code: 'key_unknown' })
})

test('J-08: a clock that was set back makes keys stale, not eternal', async (t) => {
  const { server, keys, clock } = await setUp(t)
  await keys.find('k1', 'ES256')
  clock.ms -= 60 * MINUTE
  assert.equal(keys.peek('k1', 'ES256'), undefined)
  await keys.find('k1', 'ES256')
  assert.equal(server.requests.length, 2)
})

test('J-09, R-07: 10,000 tokens with random kids cause one fetch, and a new kid is accepted after the cooldown', async (t) => {
  const { server, keys, clock } = await setUp(t)
  const results = await Promise.allSettled(Array.from({ length: 10_000 }, (_, i) => keys.find(`random-${i}`, 'ES256')))
  assert.ok(results.every((result) => result.status === 'rejected' && result.reason.code === 'key_unknown'))
  assert.equal(server.requests.length, 1)
  server.keys = [first, second]
  await assert.rejects(keys.find('k2', 'ES256'), { code: 'key_unknown' })
  clock.ms += 29_000
  await assert.rejects(keys.find('k2', 'ES256'), { code: 'key_unknown' })
  assert.equal(server.requests.length, 1)
  clock.ms += 1000
  const again = await Promise.allSettled(
    Array.from({ length: 1000 }, (_, i) => keys.find(i % 2 ? 'k2' : `other-${i}`, 'ES256')),
  )
  assert.equal(again.filter((result) => result.status === 'fulfilled').length, 500)
  assert.equal(server.requests.length, 2)
})

test('J-09: a kid that was unknown a moment ago does not cause the next fetch either', async (t) => {
  const { server, keys, clock } = await setUp(t)
  await keys.find('k1', 'ES256')
  clock.ms += 31_000
  await assert.rejects(keys.find('bad', 'ES256'), { code: 'key_unknown' })
  assert.equal(server.requests.length, 2)
  clock.ms += 29_999
  await assert.rejects(keys.find('bad', 'ES256'), { code: 'key_unknown' })
  assert.equal(server.requests.length, 2)
})

test('J-09: a failing refresh for an unknown kid leaves the known keys in place', async (t) => {
  const { keys, clock, fail, alarms } = await setUp(t)
  await keys.find('k1', 'ES256')
  clock.ms += 31_000
  fail()
  await assert.rejects(keys.find('k2', 'ES256'), { code: 'key_unknown' })
  assert.equal(keys.peek('k1', 'ES256')?.kid, 'k1')
  assert.deepEqual(
    alarms.map((alarm) => alarm.code),
    ['refresh_failed'],
  )
})

test('J-10, V-25: bad signatures, wrong algorithms, missing kids and foreign issuers cause no fetch', async (t) => {
  const { server, keys, clock } = await setUp(t)
  const claims = { iss: server.issuer, aud: 'api', sub: 's', iat: clock.ms / 1000, exp: clock.ms / 1000 + 60 }
  const verifier = createTokenVerifier({ issuer: server.issuer, audience: 'api', keys, now: () => new Date(clock.ms) })
  const foreign = signToken(first, { ...claims, iss: 'https://evil.example' })
  await assert.rejects(verifier.verify(foreign), { code: 'issuer_mismatch' })
  await assert.rejects(verifier.verify(`${encode({ alg: 'none', typ: 'at+jwt', kid: 'x' })}.${encode(claims)}.`), {
    code: 'signature_invalid',
  })
  await assert.rejects(verifier.verify(signToken(first, claims, { typ: 'JWT', kid: 'x' })), {
    code: 'token_type_refused',
  })
  assert.equal(server.connections, 0)
  assert.equal((await verifier.verify(signToken(first, claims))).kid, 'k1')
  server.keys = [first, second]
  clock.ms += 31_000
  for (let i = 0; i < 20; i++) {
    await assert.rejects(verifier.verify(signToken({ ...second, kid: 'k1' }, claims)), { code: 'signature_invalid' })
    await assert.rejects(verifier.verify(signToken(first, claims, { alg: 'RS256' })), { code: 'algorithm_refused' })
  }
  assert.equal(server.requests.length, 1)
  // A missing kid is a matter of the set at hand: with the one key it works, and is no reason to ask.
  assert.equal((await verifier.verify(signToken(first, claims, { kid: undefined }))).kid, undefined)
  assert.equal(server.requests.length, 1)
})

test('single flight: callers that come together share one fetch', async (t) => {
  const { server, keys } = await setUp(t)
  const found = await Promise.all(Array.from({ length: 200 }, () => keys.find('k1', 'ES256')))
  assert.equal(new Set(found).size, 1)
  assert.equal(server.requests.length, 1)
})

test('a slow reply to an older question never overwrites the answer to a newer one', async (t) => {
  const { server, keys, changes, alarms } = await setUp(t)
  const held: ServerResponse[] = []
  server.intercept = (_request, response) => {
    held.push(response)
    return true
  }
  const old = keys.prefetch()
  while (held.length === 0) await pause(5)
  server.intercept = undefined
  server.keys = [second]
  await keys.prefetch()
  assert.deepEqual(keys.cachedKids(), ['k2'])
  held[0]?.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [first.jwk] }))
  await old
  assert.deepEqual(keys.cachedKids(), ['k2'])
  assert.equal(changes.length, 1)
  assert.deepEqual(alarms, [])
})

test('without any keys yet, a failing issuer is asked with growing pauses', async (t) => {
  const { server, keys, clock, fail } = await setUp(t)
  fail()
  const attempt = () => assert.rejects(keys.find('k1', 'ES256'), { code: 'keys_unavailable', retryable: true })
  await attempt()
  for (let i = 0; i < 50; i++) await attempt()
  assert.equal(server.requests.length, 1)
  clock.ms += 1000
  await attempt()
  assert.equal(server.requests.length, 2)
  clock.ms += 1000
  await attempt()
  assert.equal(server.requests.length, 2)
  server.intercept = undefined
  clock.ms += 30_000
  assert.equal((await keys.find('k1', 'ES256')).kid, 'k1')
})

test('J-11: an issuer that hangs delays only its own tokens', async (t) => {
  const slow = await setUp(t, { totalTimeoutMs: 300 })
  slow.server.intercept = () => true
  const quick = await setUp(t)
  let ended = false
  const waiting = slow.keys.find('k1', 'ES256').catch((error: { code: string }) => {
    ended = true
    return error.code
  })
  assert.equal((await quick.keys.find('k1', 'ES256')).kid, 'k1')
  assert.equal(ended, false)
  assert.equal(await waiting, 'keys_unavailable')
})

test('J-11: keys that are being refreshed ahead of time are answered from meanwhile', async (t) => {
  const { server, keys, clock } = await setUp(t)
  await keys.find('k1', 'ES256')
  clock.ms += 9.5 * MINUTE
  server.keys = [first, second]
  assert.equal(keys.peek('k1', 'ES256')?.kid, 'k1')
  while (!keys.has('k2')) await pause(5)
  assert.equal(server.requests.length, 2)
})

test('J-14: a change of the key set is reported with its difference, by kid and thumbprint', async (t) => {
  const { server, keys, changes, clock } = await setUp(t)
  await keys.prefetch()
  await keys.prefetch()
  assert.equal(changes.length, 1)
  assert.deepEqual(
    [changes[0]?.initial, changes[0]?.added.map((key) => key.kid), changes[0]?.removed],
    [true, ['k1'], []],
  )
  server.keys = [second]
  await keys.prefetch()
  assert.deepEqual(
    [changes[1]?.initial, changes[1]?.added.map((key) => key.kid), changes[1]?.removed.map((key) => key.kid)],
    [false, ['k2'], ['k1']],
  )
  // The same kid for another key is a change too.
  server.keys = [makeKey('ES256', 'k2')]
  clock.ms += MINUTE
  await keys.prefetch()
  assert.deepEqual(
    changes[2]?.added.map((key) => key.kid),
    ['k2'],
  )
  assert.notEqual(changes[2]?.added[0]?.thumbprint, changes[2]?.removed[0]?.thumbprint)
})

test('J-07: keys that cannot be used are reported, and an empty set is the issuer’s word', async (t) => {
  const { server, keys, alarms } = await setUp(t)
  server.keys = [first, { ...second, jwk: { ...second.jwk, use: 'enc' } }]
  await keys.prefetch()
  assert.deepEqual(
    alarms.map(({ code, skipped }) => [code, skipped]),
    [['keys_skipped', [{ kid: 'k2', fault: 'use' }]]],
  )
  server.keys = []
  await keys.prefetch()
  assert.equal(alarms[1]?.code, 'no_usable_keys')
  await assert.rejects(keys.find('k1', 'ES256'), { code: 'key_unknown' })
})

test('a callback that throws loses no keys', async (t) => {
  const warnings: unknown[] = []
  const onWarning = (warning: Error) => warnings.push(warning.message)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const { keys } = await setUp(t, {
    onChange: () => {
      throw new Error('from the callback')
    },
  })
  assert.equal((await keys.find('k1', 'ES256')).kid, 'k1')
  await pause(5)
  assert.deepEqual(warnings, ['from the callback'])
})

test('close ends what is running and answers from nothing', async (t) => {
  const { server, keys, alarms } = await setUp(t)
  await keys.prefetch()
  server.intercept = () => true
  const running = keys.prefetch()
  await pause(20)
  keys.close()
  await assert.rejects(running, { code: 'fetch_failed' })
  assert.equal(keys.peek('k1', 'ES256'), undefined)
  assert.equal(keys.has('k1'), false)
  assert.deepEqual(keys.cachedKids(), [])
  await assert.rejects(keys.find('k1', 'ES256'), { code: 'keys_unavailable' })
  assert.deepEqual(alarms, [])
})

test('J-14: on schedule, keys are fetched again without any use', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { server, keys, clock } = await setUp(t, { prefetchOnSchedule: true })
  await keys.prefetch()
  assert.equal(server.requests.length, 1)
  clock.ms += 9.5 * MINUTE
  t.mock.timers.tick(9.5 * MINUTE)
  t.mock.timers.reset()
  while (server.requests.length < 2) await pause(5)
})

test('a verifier without jwks or jwksUri discovers its issuer, and ends with close', async (t) => {
  const { server } = await setUp(t)
  const verifier = createTokenVerifier({ issuer: server.issuer, audience: 'api', remote: { allowLoopbackHttp: true } })
  const now = Math.floor(Date.now() / 1000)
  const token = signToken(first, { iss: server.issuer, aud: 'api', sub: 's', iat: now, exp: now + 60 })
  assert.equal(verifier.verifySync(token), undefined)
  assert.equal((await verifier.verify(token)).claims.sub, 's')
  assert.equal(verifier.verifySync(token)?.claims.sub, 's')
  verifier.close()
  assert.equal(verifier.verifySync(token), undefined)
  await assert.rejects(verifier.verify(token), { code: 'keys_unavailable' })
})
