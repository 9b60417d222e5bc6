import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  ALL_SCOPES,
  createApiUnderTest,
  ISSUER,
  policyDocument,
  type Send,
  tokenFor,
} from '../../../../../test/support/api.ts'
import { KINDS, ROLES } from '../../admin/index.ts'
import { ServiceError } from '../../errors.ts'
import { API_OPERATIONS, type Operation, RESOURCE_NOUNS } from './index.ts'

/** Bodies that no single member makes. */
const BODIES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  renewVerifierLease: { service: 'orders-api', applied: 3, tag: 'AAAAAAAAAAAAAAAA' },
  createRevocation: { kind: 'jti', value: 'jti_1', reason: 'leaked' },
}

/** A request that would succeed, or at least pass every check before the domain, if the scope is there. */
function requestFor(operation: Operation): { path: string; send: Send } {
  const whole = BODIES[operation.id]
  if (whole) return { path: operation.path.replace('{instance}', 'AAAAAAAAAAAAAAAA'), send: { body: whole } }
  const path = operation.path
    .replace('{id}', 'evt_1')
    .replace('{kind}', 'TrustPolicy')
    .replace('{instance}', 'AAAAAAAAAAAAAAAA')
  const kind = operation.path.startsWith('/v1/trust-policies') ? 'TrustPolicy' : 'Service'
  const documents = { document: { ...policyDocument('a'), kind }, documents: [], event_id: 'evt_1', token: 'a.b.c' }
  const body =
    operation.body === undefined
      ? undefined
      : Object.fromEntries(
          Object.entries(documents).filter(
            ([name]) => operation.body?.safeParse({ [name]: documents[name as 'token'] }).success,
          ),
        )
  return { path, send: body === undefined ? {} : { body } }
}

// The real roles, and two more: nothing, and one scope alone.
const ACTORS: Readonly<Record<string, readonly string[]>> = {
  ...ROLES,
  nobody: [],
  'one scope': ['trust-policies:write'],
  'a verifier': ['verify:orders-api'],
}

/** What whoever lacks the scope is told. */
const scopeText = ({ scope }: Operation) => (scope === 'verify' ? 'verify:SERVICE' : scope)
const mayCall = ({ scope }: Operation, scopes: readonly string[]) =>
  scope === 'public' ||
  scope === 'self' ||
  (scope === 'verify' ? scopes.some((held) => held.startsWith('verify:')) : scopes.includes(scope))

describe('the route table (W-06)', () => {
  test('every scope of a route is one of admin/scopes.ts, and every scope has a route', () => {
    const used = new Set(API_OPERATIONS.map(({ scope }) => scope))
    const special = ['public', 'self', 'verify']
    for (const scope of used) assert.ok(special.includes(scope) || ALL_SCOPES.has(scope), scope)
    const unused = [...ALL_SCOPES].filter((scope) => !(used as ReadonlySet<string>).has(scope))
    // Of the introspection endpoint, which is no route of this API (RFC 7662).
    assert.deepEqual(unused, ['tokens:introspect'])
  })
  test('the kinds of the API are the kinds that exist', () => {
    const pairs = (kinds: readonly { kind: string; plural: string }[]) =>
      kinds.map(({ kind, plural }) => `${kind} ${plural}`).sort()
    assert.deepEqual(pairs(RESOURCE_NOUNS), pairs(KINDS))
  })
  test('every operation has a scope, its own id and its own path', () => {
    for (const operation of API_OPERATIONS)
      assert.match(operation.scope, /^(public|self|verify|[a-z-]+:[a-z-]+)$/, operation.id)
    assert.equal(new Set(API_OPERATIONS.map(({ id }) => id)).size, API_OPERATIONS.length)
    assert.equal(new Set(API_OPERATIONS.map(({ method, path }) => `${method} ${path}`)).size, API_OPERATIONS.length)
  })
  test('only descriptions are public, and only whoami needs no scope', () => {
    const without = API_OPERATIONS.filter(({ scope }) => scope === 'public' || scope === 'self').map(({ path }) => path)
    assert.deepEqual(without, ['/v1/schemas/{kind}', '/v1/whoami', '/v1/openapi.json'])
  })
  test('every operation that reads one object hides it from whoever lacks the scope', () => {
    for (const { method, path, masked, scope } of API_OPERATIONS) {
      const readsOne = method === 'GET' && path.includes('{') && scope !== 'public'
      assert.equal(masked === true, readsOne || path === '/v1/audit/checkpoint', path)
    }
  })
})

describe('role x route', () => {
  for (const operation of API_OPERATIONS) {
    const { path, send } = requestFor(operation)
    test(`${operation.method} ${operation.path}`, async () => {
      const api = createApiUnderTest()
      for (const [role, scopes] of Object.entries(ACTORS)) {
        const response = await api.send(operation.method, path, { ...send, token: tokenFor(...scopes) })
        const problem =
          response.status >= 400 ? ((await response.json()) as { code: string; scope?: string }) : undefined
        const may = mayCall(operation, scopes)
        if (may) assert.ok(problem?.code !== 'forbidden' && response.status !== 401, `${role}: ${response.status}`)
        else if (operation.masked === true) assert.equal(problem?.code, 'not_found', role)
        else {
          assert.equal(response.status, 403, role)
          assert.equal(problem?.scope, scopeText(operation), role)
          assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer error="insufficient_scope", scope="/)
        }
        if (operation.scope !== 'public') {
          assert.equal((await api.send(operation.method, path, { ...send, token: null })).status, 401)
          assert.equal((await api.send(operation.method, path, { ...send, token: 'x' })).status, 401)
        }
      }
      const none = await api.send(operation.method, path, {
        ...send,
        token: tokenFor(...[...ALL_SCOPES].filter((scope) => scope !== operation.scope)),
      })
      assert.equal(
        none.status === 403 || none.status === 404,
        operation.scope !== 'public' && operation.scope !== 'self',
      )
    })
  }
})

describe('masking (invariant 8)', () => {
  for (const operation of API_OPERATIONS.filter(({ masked }) => masked)) {
    test(`${operation.path} answers alike for hidden and missing objects, byte for byte`, async () => {
      const api = createApiUnderTest({
        events: {
          get: async () => undefined,
          list: async () => ({ items: [], next: null }),
          checkpoint: async () => undefined,
          export: async function* () {},
        },
      })
      const created = await api.send('POST', '/v1/trust-policies', { body: { document: policyDocument('real') } })
      assert.equal(created.status, 201)
      const missing = operation.path.replace('{id}', 'evt_none')
      const existing = operation.path.replace('{id}', operation.path.includes('trust-policies') ? 'real' : 'wl_1')
      const headers = { 'x-request-id': 'the-same-id' }
      const seen: string[] = []
      for (const [path, token] of [
        [existing, tokenFor('services:write')],
        [missing, tokenFor('services:write')],
        [missing, tokenFor(...ALL_SCOPES)],
      ] as const) {
        const response = await api.send('GET', path, { headers, token })
        assert.equal(response.status, 404)
        seen.push(JSON.stringify([[...response.headers].sort(), await response.text()]))
      }
      assert.equal(new Set(seen).size, 1, seen.join('\n'))
    })
  }
})

describe('bearer tokens (RFC 6750)', () => {
  const malformed = [
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a,b',
    'Bearer "a"',
    'bearer =',
    'Bearer é',
    `Bearer ${'='.repeat(3)}`,
  ]
  for (const authorization of malformed) {
    test(`"${authorization}" is an invalid token`, async () => {
      const { app } = createApiUnderTest()
      const header = Buffer.from(authorization, 'utf8').toString('latin1')
      const response = await app.request('/v1/whoami', { headers: { authorization: header } })
      assert.equal(response.status, 401)
    })
  }
  test('another scheme counts as no credentials', async () => {
    const { app } = createApiUnderTest()
    for (const authorization of ['Basic YTpi', 'DPoPx y', tokenFor('status:read')]) {
      const response = await app.request('/v1/whoami', { headers: { authorization } })
      assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    }
  })
  test('a refused DPoP token is told so in its own scheme, with the algorithms (RFC 9449 section 7.1)', async () => {
    const { app } = createApiUnderTest({ dpopAlgorithms: ['ES256', 'Ed25519'] })
    for (const authorization of ['DPoP x', 'dpop', 'DPoP a b']) {
      const response = await app.request('/v1/whoami', { headers: { authorization } })
      assert.equal(response.status, 401)
      assert.equal(response.headers.get('www-authenticate'), 'DPoP error="invalid_token", algs="ES256 Ed25519"')
    }
  })
  test('a bad proof for a good token is named, and is 401 as well', async () => {
    const authenticate = async () => Promise.reject(new ServiceError('invalid_dpop_proof', { detail: 'it is too old' }))
    const { app } = createApiUnderTest({ dpopAlgorithms: ['ES256'], authenticate })
    const response = await app.request('/v1/whoami', { headers: { authorization: 'DPoP x' } })
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'DPoP error="invalid_dpop_proof", algs="ES256"')
  })
  test('the scheme is compared without regard to case, the token exactly', async () => {
    const { app } = createApiUnderTest()
    const token = tokenFor('status:read')
    assert.equal((await app.request('/v1/status', { headers: { authorization: `bEaReR ${token}` } })).status, 200)
    assert.equal(
      (await app.request('/v1/status', { headers: { authorization: `Bearer ${token.toUpperCase()}` } })).status,
      401,
    )
  })
  test('a token in the query is not looked at', async () => {
    const { app } = createApiUnderTest()
    assert.equal((await app.request(`/v1/whoami?access_token=${tokenFor('status:read')}`)).status, 401)
  })
  test('a token store that is down is 503, not 401 and not 200 (invariant 1)', async () => {
    const { send } = createApiUnderTest({
      authenticate: async () => Promise.reject(new ServiceError('store_unavailable')),
    })
    assert.equal((await send('GET', '/v1/whoami')).status, 503)
  })
})

describe('the local socket', () => {
  test('its actor is local-socket with every scope', async () => {
    const { send } = createApiUnderTest()
    const response = await send('GET', '/v1/whoami', { token: null, listener: 'local-socket' })
    const actor = (await response.json()) as { id: string; kind: string; scopes: string[] }
    assert.equal(actor.id, 'local-socket')
    assert.deepEqual(actor.scopes, [...ALL_SCOPES].sort())
  })
  test('no header makes a TCP connection the local socket', async () => {
    const { send } = createApiUnderTest()
    const claims = {
      host: 'local-socket',
      'x-listener': 'local-socket',
      listener: 'local-socket',
      'x-forwarded-for': '127.0.0.1',
      forwarded: 'for=unix',
      'x-actor': 'local-socket',
    }
    assert.equal((await send('GET', '/v1/whoami', { token: null, headers: claims })).status, 401)
    assert.equal((await send('GET', '/v1/whoami', { token: null, headers: claims, listener: 'tcp' })).status, 401)
  })
  test('a request that a proxy forwards to the socket has no rights of the socket', async () => {
    const { send } = createApiUnderTest()
    for (const name of ['x-forwarded-for', 'forwarded', 'via']) {
      const response = await send('GET', '/v1/whoami', {
        token: null,
        listener: 'local-socket',
        headers: { [name]: 'x' },
      })
      assert.equal(response.status, 403, name)
    }
  })
  test('credentials that are given count also on the socket: less rights, never more', async () => {
    const { send } = createApiUnderTest()
    const token = tokenFor('events:read')
    assert.equal((await send('GET', '/v1/events', { token, listener: 'local-socket' })).status, 200)
    assert.equal((await send('GET', '/v1/status', { token, listener: 'local-socket' })).status, 403)
    assert.equal((await send('GET', '/v1/status', { token: 'stale', listener: 'local-socket' })).status, 401)
    const basic = { token: null, headers: { authorization: 'Basic YTpi' }, listener: 'local-socket' } as const
    assert.equal((await send('GET', '/v1/status', basic)).status, 401)
  })
})

describe('other sites (W-04, W-12)', () => {
  const foreign: readonly Readonly<Record<string, string>>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'CROSS-SITE' },
    { 'sec-fetch-site': '' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://sts.acme.example' },
    { origin: 'https://sts.acme.example:8443' },
    { origin: 'https://sts.acme.example.evil.example' },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
  ]
  for (const headers of foreign) {
    for (const listener of ['tcp', 'local-socket'] as const) {
      test(`${JSON.stringify(headers)} cannot change anything over ${listener}`, async () => {
        const { send } = createApiUnderTest()
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
          const path = method === 'POST' ? '/v1/trust-policies' : '/v1/trust-policies/a'
          const response = await send(method, path, { body: { document: policyDocument('a') }, headers, listener })
          assert.equal(response.status, 403, method)
          assert.equal(((await response.json()) as { code: string }).code, 'cross_site_refused')
        }
      })
    }
  }
  test('our own origin and programs that are no browser may', async () => {
    for (const headers of [{}, { origin: ISSUER, 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }]) {
      const { send } = createApiUnderTest()
      const response = await send('POST', '/v1/trust-policies', { body: { document: policyDocument('a') }, headers })
      assert.equal(response.status, 201)
    }
  })
  test('no answer carries a CORS header, also not to a preflight', async () => {
    const { app, send } = createApiUnderTest()
    const preflight = await app.request('/v1/trust-policies', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    })
    const read = await send('GET', '/v1/trust-policies', { headers: { origin: 'https://evil.example' } })
    for (const response of [preflight, read]) {
      assert.deepEqual(
        [...response.headers.keys()].filter((name) => name.startsWith('access-control')),
        [],
      )
    }
    assert.equal(preflight.status, 405)
  })
})
