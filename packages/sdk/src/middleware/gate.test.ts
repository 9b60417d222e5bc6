import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDpopKey } from '../dpop/index.ts'
import { isCountersignError } from '../errors.ts'
import { startIssuer } from '../jwks/issuer-server.fixture.ts'
import { makeKey, signToken } from '../signed-tokens.fixture.ts'
import { createTestIssuer } from '../testing/index.ts'
import { createTokenVerifier, type TokenVerifier, type VerifiedToken } from '../verify/index.ts'
import { type Admission, createGate } from './gate.ts'
import type { ProtectOptions } from './options.ts'
import type { PresentedHeader, PresentedRequest } from './presented-request.ts'
import type { RefusalReport } from './report.ts'

const AUDIENCE = 'https://orders.acme.example'
const issuer = createTestIssuer()
const scopes = ['orders:read']
const good = issuer.token({ audience: AUDIENCE, scopes })
const verifier = createTokenVerifier({ ...issuer.verifierOptions(AUDIENCE), cache: true })

function present(
  headers: Partial<Record<PresentedHeader, string | readonly string[]>>,
  rest: Partial<PresentedRequest> = {},
): PresentedRequest {
  return {
    method: 'GET',
    target: '/orders',
    values: (header) => headers[header],
    peerCertificate: () => undefined,
    ...rest,
  }
}

function admit(token: string, options: Partial<ProtectOptions> = {}): Admission {
  const admission = createGate({ verifier, scopes, ...options } as ProtectOptions).admit(
    present({ authorization: `Bearer ${token}` }),
  )
  assert.ok(!(admission instanceof Promise))
  return admission
}

test('V-24: 10,000 mutated tokens: none is admitted, and each has an answer', async () => {
  const gate = createGate({ verifier, scopes })
  const bytes = Buffer.from(good)
  const [header = '', payload = '', signature = ''] = good.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value) ?? '').toString('base64url')
  const mutation = fc.oneof(
    fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
      const copy = Buffer.from(bytes)
      copy[at] = byte
      return copy.toString('latin1')
    }),
    fc.tuple(fc.nat(good.length), fc.nat(good.length)).map(([from, to]) => good.slice(0, from) + good.slice(to)),
    fc
      .tuple(fc.nat(good.length), fc.string({ maxLength: 5 }))
      .map(([at, text]) => good.slice(0, at) + text + good.slice(at)),
    fc
      .tuple(fc.constantFrom(...Object.keys(claims)), fc.jsonValue({ maxDepth: 2 }))
      .map(([name, value]) => `${header}.${encode({ ...claims, [name]: value })}.${signature}`),
    fc
      .tuple(fc.constantFrom('alg', 'typ', 'kid', 'jwk', 'crit'), fc.jsonValue({ maxDepth: 2 }))
      .map(([name, value]) => `${encode({ alg: 'ES256', typ: 'at+jwt', [name]: value })}.${payload}.${signature}`),
    fc.string({ maxLength: 60 }),
  )
  let runs = 0
  await fc.assert(
    fc.asyncProperty(mutation, fc.constantFrom('Bearer ', 'bearer  ', 'Bearer\t', ''), async (token, scheme) => {
      runs++
      // Spaces before a token are of the scheme.
      if (token.trimStart() === good && scheme.endsWith(' ')) return
      const { refusal } = await gate.admit(present({ authorization: scheme + token }))
      assert.ok(refusal !== undefined && [400, 401].includes(refusal.status), scheme + token)
    }),
    { numRuns: 10_000 },
  )
  assert.ok(runs >= 10_000)
  assert.ok((await gate.admit(present({ authorization: `Bearer ${good}` }))).principal)
})

test('signed claims of any shape give a principal or an answer, never a failure', () => {
  const gate = createGate({ verifier, scopes })
  const name = fc.constantFrom('cnf', 'act', 'scope', 'cs', 'client_id', 'sub', 'jti', 'aud', 'exp', 'iat', 'nbf')
  fc.assert(
    fc.property(name, fc.jsonValue({ maxDepth: 3 }), (claim, value) => {
      const token = issuer.token({ audience: AUDIENCE, scopes, claims: { [claim]: value as never } })
      const admission = gate.admit(present({ authorization: `Bearer ${token}` }))
      assert.ok(!(admission instanceof Promise))
      if (claim === 'cnf') assert.equal(admission.refusal?.status, 401)
    }),
    { numRuns: 500 },
  )
})

test('T39: a confirmation that is not understood in full is refused, however it is presented', () => {
  const key = createDpopKey()
  const jkt = key.thumbprint
  for (const cnf of [
    ...[
      {},
      null,
      'x',
      [],
      [{ jkt }],
      { jkt: '' },
      { jkt: 7 },
      { jkt: [jkt] },
      { jkt: jkt.slice(1) },
      { jkt: `${jkt}=` },
    ],
    ...[{ jwk: key.publicJwk }, { kid: 'k' }, { jkt, kid: 'k' }, { 'x5t#S256': '' }, { 'x5t#s256': jkt }, { JKT: jkt }],
    ...[{ jkt, 'x5t#S256': null }, { x5t: jkt }],
  ]) {
    const token = issuer.token({ audience: AUDIENCE, scopes, claims: { cnf: cnf as never } })
    const gate = createGate({ verifier, dpop: { origin: AUDIENCE }, clientCertificate: { header: true } })
    const proof = (): string => key.proof({ method: 'GET', url: `${AUDIENCE}/orders`, accessToken: token })
    for (const request of [{ authorization: `Bearer ${token}` }, { authorization: `DPoP ${token}`, dpop: proof() }]) {
      const admission = gate.admit(present(request))
      assert.ok(!(admission instanceof Promise))
      assert.equal(admission.refusal?.problem.code, 'invalid_token', JSON.stringify(cnf))
    }
  }
})

test('S-08: a chain of actors longer than 4, or not of actors, is refused', () => {
  const chain = (length: number) => Array.from({ length }, (_, i) => ({ sub: `actor-${i}` }))
  const { principal } = admit(issuer.token({ audience: AUDIENCE, scopes, actors: chain(4) }))
  assert.deepEqual(
    principal?.actors.map(({ sub }) => sub),
    ['actor-0', 'actor-1', 'actor-2', 'actor-3'],
  )
  assert.equal(admit(issuer.token({ audience: AUDIENCE, scopes, actors: chain(5) })).refusal?.status, 401)
  for (const act of [null, 'x', [], {}, { sub: '' }, { sub: 7 }, { sub: 'a', iss: 7 }, { sub: 'a', act: null }]) {
    const token = issuer.token({ audience: AUDIENCE, scopes, claims: { act: act as never } })
    assert.equal(admit(token).refusal?.status, 401, JSON.stringify(act))
  }
})

test('scopes are whole words: neither a part nor another spelling of one is enough', () => {
  for (const scope of ['orders:readx', 'xorders:read', 'Orders:Read', 'orders: read', 'orders:*', '*', '']) {
    assert.equal(admit(issuer.token({ audience: AUDIENCE, claims: { scope } })).refusal?.status, 403, scope)
  }
  for (const scope of [
    'orders:read  x',
    ' orders:read',
    'orders:read ',
    'orders:read\tx',
    'orders:read "x"',
    ['orders:read'],
    7,
  ]) {
    assert.equal(admit(issuer.token({ audience: AUDIENCE, claims: { scope } })).refusal?.status, 401, String(scope))
  }
  assert.ok(admit(issuer.token({ audience: AUDIENCE, claims: { scope: 'a orders:read b' } })).principal)
  // All of several.
  const both = { scopes: ['orders:read', 'orders:write'] }
  assert.equal(
    admit(good, both).refusal?.headers['WWW-Authenticate']?.includes('scope="orders:read orders:write"'),
    true,
  )
  assert.deepEqual(
    admit(issuer.token({ audience: AUDIENCE, claims: { scope: undefined } }), { scopes: [] }).principal?.scopes,
    [],
  )
})

test('a principal is frozen, and what one request does to it no other sees', () => {
  const { principal } = admit(issuer.token({ audience: AUDIENCE, scopes, actors: [{ sub: 'a' }] }))
  assert.ok(principal)
  for (const part of [principal, principal.scopes, principal.actors, principal.actors[0]])
    assert.ok(Object.isFrozen(part))
  assert.throws(() => (principal.scopes as string[]).push('orders:write'), TypeError)
  assert.throws(() => Object.assign(principal, { workload: 'x' }), TypeError)
  const { expiresAt } = principal
  principal.expiresAt.setTime(0)
  assert.deepEqual(principal.expiresAt, expiresAt)
})

test('a token without an event names none, and one with a bad one is refused', () => {
  const eventOf = (cs: unknown) => admit(issuer.token({ audience: AUDIENCE, scopes, claims: { cs: cs as never } }))
  assert.equal(eventOf(undefined).principal?.eventId, undefined)
  assert.equal(eventOf({ rev: 1 }).principal?.eventId, undefined)
  assert.equal(eventOf({ evt: 'evt_1' }).principal?.eventId, 'evt_1')
  for (const cs of [null, 'x', [], { evt: 7 }, { evt: '' }]) assert.equal(eventOf(cs).refusal?.status, 401)
})

test('what a verifier answers without its errors is never an admission', async () => {
  const failing = (act: () => never): Pick<TokenVerifier, 'verify' | 'verifySync'> => ({
    verifySync: act,
    verify: async () => act(),
  })
  const bug = failing(() => {
    throw new TypeError('bug')
  })
  assert.throws(() => createGate({ verifier: bug }).admit(present({ authorization: 'Bearer x' })), TypeError)
  const later = createGate({ verifier: { ...bug, verifySync: () => undefined } })
  await assert.rejects(async () => later.admit(present({ authorization: 'Bearer x' })), TypeError)
  for (const nothing of [null, undefined, {}, { claims: {} }]) {
    const verify = async (): Promise<VerifiedToken> => nothing as unknown as VerifiedToken
    const gate = createGate({ verifier: { verifySync: () => undefined, verify } })
    const outcome = await Promise.resolve(gate.admit(present({ authorization: 'Bearer x' }))).catch(
      (error: unknown) => error,
    )
    assert.ok(outcome instanceof Error || (outcome as Admission).refusal !== undefined)
  }
})

test('keys are fetched once, however many requests wait for them, and then nothing waits', async (t) => {
  const server = await startIssuer(t)
  const key = makeKey('ES256', 'k1')
  server.keys = [key]
  const seconds = Math.floor(Date.now() / 1000)
  const claims = {
    iss: server.issuer,
    aud: AUDIENCE,
    sub: 's',
    client_id: 'wl_1',
    jti: 'j',
    iat: seconds,
    exp: seconds + 60,
  }
  const gate = createGate({
    issuer: server.issuer,
    audience: AUDIENCE,
    remote: { allowLoopbackHttp: true, allowPrivateNetwork: true },
  })
  const request = present({ authorization: `Bearer ${signToken(key, claims)}` })
  const admissions = Array.from({ length: 50 }, () => gate.admit(request))
  assert.ok(admissions.every((admission) => admission instanceof Promise))
  for (const { principal } of await Promise.all(admissions)) assert.equal(principal?.workload, 'wl_1')
  assert.equal(server.requests.length, 2)
  const again = gate.admit(request)
  assert.ok(!(again instanceof Promise))
  assert.equal(again.principal, (await gate.admit(request)).principal)
  const down = createGate({
    issuer: 'http://127.0.0.1:9',
    audience: AUDIENCE,
    remote: { allowLoopbackHttp: true, allowPrivateNetwork: true },
  })
  const foreign = signToken(key, { ...claims, iss: 'http://127.0.0.1:9' })
  const { refusal } = await down.admit(present({ authorization: `Bearer ${foreign}` }))
  assert.equal(refusal?.status, 503)
  // V-25: a token of somebody else asks for no key.
  const stranger = down.admit(present({ authorization: `Bearer ${signToken(key, claims)}` }))
  assert.ok(!(stranger instanceof Promise))
  assert.equal(stranger.refusal?.status, 401)
})

test('V-21: reports name the reason and the token by its digest, and hold nothing that its bearer could write into a log', () => {
  const reports: RefusalReport[] = []
  const options = { onRefusal: (report: RefusalReport) => void reports.push(report) }
  const lastFor = (token: string) => {
    admit(token, options)
    return reports.at(-1)
  }
  const expired = issuer.token({ audience: AUDIENCE, scopes, expiresInSeconds: -60, claims: { jti: 'j-1' } })
  const report = lastFor(expired)
  const kid = String(issuer.jwks.keys[0]?.['kid'])
  assert.match(report?.tokenDigest ?? '', /^[0-9a-f]{16}$/)
  assert.deepEqual(
    { ...report, tokenDigest: '' },
    { status: 401, code: 'token_expired', message: 'the token has expired', tokenDigest: '', jti: 'j-1', kid },
  )
  assert.equal(lastFor(expired)?.tokenDigest, report?.tokenDigest)
  for (const jti of ['a\nb', '\u001b[31m', 'x'.repeat(129), '', 7, null, good]) {
    const { jti: reported, code } = lastFor(issuer.token({ audience: AUDIENCE, claims: { jti, iss: 'x' } })) ?? {}
    assert.deepEqual([reported, code], [undefined, 'issuer_mismatch'])
  }
  assert.equal(lastFor(issuer.token({ audience: AUDIENCE, header: { kid: good } }))?.kid, undefined)
  assert.deepEqual(lastFor('a.b'), { ...lastFor('a.b'), code: 'token_malformed' })
  assert.equal(lastFor(issuer.token({ audience: AUDIENCE, claims: { jti: 'j-2' } }))?.code, 'scope_missing')
  assert.equal(reports.at(-1)?.jti, 'j-2')
  assert.deepEqual(lastFor('"'), {
    status: 400,
    code: 'request_malformed',
    message: 'the access token is not presented in exactly one acceptable way',
  })
})

test('a log that fails changes no answer', async (t) => {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const { refusal } = admit('x', {
    onRefusal() {
      throw new Error('log is full')
    },
  })
  assert.equal(refusal?.status, 401)
  await new Promise((later) => setImmediate(later))
  assert.deepEqual(
    warnings.map(({ message }) => message),
    ['log is full'],
  )
})

test('no header can be injected: whatever would need it is refused when it is configured', () => {
  const bad: object[] = [
    ...['a\r\nSet-Cookie: x', 'a\nb', 'a\u0000', 'caf\u00e9', 'a\u007f', 7, null].map((realm) => ({ realm })),
    ...['a b', 'a"', 'a\\', 'a\r\n', '', '\u00e9', 7].map((scope) => ({ scopes: [scope] })),
    ...['orders:read', null].map((list) => ({ scopes: list })),
    ...[
      '/x',
      'ftp://a.example/',
      'https://a.example/"',
      'https://a.example/ x',
      'https://a.example/\r\n',
      'javascript:x',
      '',
    ].map((resourceMetadata) => ({ resourceMetadata })),
    ...[
      '',
      'orders.acme.example',
      'https://orders.acme.example/',
      'https://orders.acme.example/v1',
      'HTTPS://orders.acme.example',
    ].map((origin) => ({ dpop: { origin } })),
    { dpop: { origin: AUDIENCE, algorithms: ['HS256'] } },
    { dpop: { origin: AUDIENCE, maxAgeSeconds: 0 } },
    { dpop: { origin: AUDIENCE, replay: { claimedByCaller: true } } },
    { senderConstraint: 'optional' },
    { senderConstraint: true },
    { verifier: undefined },
    { verifier: {} },
    // Each would be ignored, and the route be open to more than its author thinks.
    { scope: 'orders:read' },
    { scopes: undefined, requiredScopes: ['orders:read'] },
    { revocations: issuer.revocations },
    { audience: AUDIENCE },
    { issuer: issuer.issuer },
    { maxLifetimeSeconds: 60 },
    { verifier: { verify() {} } },
  ]
  for (const options of bad) {
    assert.throws(
      () => createGate({ verifier, ...options } as ProtectOptions),
      (error) => isCountersignError(error, 'configuration_invalid'),
      JSON.stringify(options),
    )
  }
  assert.throws(() => createGate({ issuer: issuer.issuer } as ProtectOptions), { code: 'configuration_invalid' })
  const { refusal } = admit('x', { realm: 'a "b" \\ c' })
  assert.equal(refusal?.headers['WWW-Authenticate'], 'Bearer realm="a \\"b\\" \\\\ c", error="invalid_token"')
})

test('V-22: the path of a proof is that of the request target, whatever its form', () => {
  const key = createDpopKey()
  const token = issuer.token({ audience: AUDIENCE, scopes, dpop: key })
  const gate = createGate({ verifier, dpop: { origin: AUDIENCE } })
  const statusOf = (target: string, url: string): number => {
    const dpop = key.proof({ method: 'GET', url, accessToken: token })
    const admission = gate.admit(present({ authorization: `DPoP ${token}`, dpop }, { target }))
    assert.ok(!(admission instanceof Promise))
    return admission.refusal?.status ?? 200
  }
  const url = `${AUDIENCE}/orders`
  for (const target of [
    '/orders',
    '/orders?x=1',
    '/orders#x',
    'http://evil.example/orders?x',
    'https://evil.example/orders',
    '/a/../orders',
  ]) {
    assert.equal(statusOf(target, url), 200, target)
  }
  for (const target of [
    '*',
    '',
    'orders',
    '//evil.example/orders',
    '/orders/',
    '/Orders',
    '/orders%2F',
    'evil.example:443',
    '/orders\\',
  ]) {
    assert.equal(statusOf(target, url), 401, target)
  }
  assert.equal(statusOf('http://evil.example', AUDIENCE), 200)
})
