import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { type AppDeps, createApp } from './app.ts'
import { hasMediaType, readBody } from './body.ts'
import type { HttpRoute } from './context.ts'
import { oauthError } from './errors.ts'
import { createHealthRoutes } from './health.ts'
import { requestIdOf } from './request-id.ts'

const now = () => new Date('2026-11-24T09:04:07Z')

const ROUTES: readonly HttpRoute[] = [
  { method: 'POST', path: '/oauth/token', respond: (c) => oauthError(c, 'replayed', { errorId: 'evt_1' }) },
  {
    method: 'GET',
    path: '/.well-known/jwks.json',
    respond: (c) => c.json({ keys: [] }, 200, { 'cache-control': 'public, max-age=600' }),
  },
  { method: 'GET', path: '/v1/things/{id}', respond: (c) => c.json({ id: c.req.param('id') }) },
  { method: 'DELETE', path: '/v1/things/{id}', respond: (c) => c.body(null, 204) },
  {
    method: 'POST',
    path: '/v1/things/special',
    respond: async (c) => c.json({ bytes: (await readBody(c, 10)).byteLength }),
  },
  {
    method: 'GET',
    path: '/boom',
    respond: () => {
      throw new Error('canary')
    },
  },
  { method: 'POST', path: '/base/oauth/revoke', respond: () => Promise.reject(new Error('canary')) },
]

function appWith(deps: Partial<AppDeps> = {}) {
  const logged: unknown[] = []
  const app = createApp({
    now,
    log: { error: (fields) => logged.push(fields) },
    issuer: 'https://sts.acme.example',
    routes: ROUTES,
    ...deps,
  })
  return { app, logged }
}

describe('methods', () => {
  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY', 'get']
  for (const [path, allowed] of [
    ['/v1/things/a', ['GET', 'DELETE', 'HEAD']],
    ['/v1/things/special', ['GET', 'DELETE', 'POST', 'HEAD']],
    ['/.well-known/jwks.json', ['GET', 'HEAD']],
    ['/oauth/token', ['POST']],
  ] as const) {
    for (const method of METHODS) {
      test(`${method} ${path}`, async () => {
        const response = await appWith().app.request(path, { method })
        const normal = method.toUpperCase()
        if ((allowed as readonly string[]).includes(normal)) assert.ok(response.status < 405)
        else {
          assert.equal(response.status, 405)
          assert.deepEqual(response.headers.get('allow')?.split(', ').sort(), [...allowed].sort())
          if (normal === 'HEAD') return
          const body = (await response.json()) as Record<string, string>
          if (path === '/oauth/token') assert.equal(body.error, 'invalid_request')
          else assert.equal(body.code, 'method_not_allowed')
        }
      })
    }
  }
  test('HEAD answers what GET does, without a body', async () => {
    const response = await appWith().app.request('/v1/things/a', { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(await response.text(), '')
  })
  for (const path of [
    '/',
    '/v1',
    '/v1/things',
    '/v1/things/',
    '/v1/things/a/b',
    '/v1//things/a',
    '/V1/things/a',
    '/v1/things/a/',
    '/%76',
    '/../etc/passwd',
    '/%E0%A4%A',
  ]) {
    test(`${path} is nothing: a 404 problem`, async () => {
      const response = await appWith().app.request(`https://sts.acme.example${path}`)
      assert.equal(response.status, 404)
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
      assert.equal(response.headers.get('allow'), null)
    })
  }
})

describe('every answer', () => {
  for (const path of ['/v1/things/a', '/nothing', '/boom', '/.well-known/jwks.json']) {
    test(`${path} carries the security headers (W-11)`, async () => {
      const { headers } = await appWith().app.request(path)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
      assert.equal(headers.get('referrer-policy'), 'no-referrer')
      assert.equal(headers.get('strict-transport-security'), 'max-age=31536000')
      assert.equal(headers.get('cache-control'), path.endsWith('jwks.json') ? 'public, max-age=600' : 'no-store')
      assert.match(headers.get('x-request-id') ?? '', /^req_[0-9a-z]{26}$/)
      assert.equal(headers.get('access-control-allow-origin'), null)
    })
  }
  test('no HSTS over the local socket or for an issuer without TLS', async () => {
    const local = await appWith().app.request('/v1/things/a', {}, { listener: 'local-socket' })
    const plain = await appWith({ issuer: 'http://127.0.0.1:8080' }).app.request('/v1/things/a')
    assert.equal(local.headers.get('strict-transport-security'), null)
    assert.equal(plain.headers.get('strict-transport-security'), null)
  })
  test('an unexpected error is rendered in the words of its endpoint, without its own', async () => {
    const { app, logged } = appWith()
    const problem = await app.request('/boom')
    assert.equal(problem.status, 500)
    const oauth = await app.request('/base/oauth/revoke', { method: 'POST' })
    assert.equal(((await oauth.clone().json()) as { error: string }).error, 'server_error')
    for (const response of [problem, oauth]) assert.ok(!(await response.text()).includes('canary'))
    assert.equal(logged.length, 2)
  })
})

describe('request ids', () => {
  for (const offered of [
    'trace-0001',
    '4bf92f3577b34da6a3ce929d0e0e4736',
    '0b6f1d5e-6c1c-4c38-9b7a-0f6f3a3a9d11',
    'a'.repeat(64),
  ]) {
    test(`${offered.slice(0, 20)} is kept`, async () => {
      const response = await appWith().app.request('/nothing', { headers: { 'x-request-id': offered } })
      assert.equal(response.headers.get('x-request-id'), offered)
      assert.equal(((await response.json()) as { request_id: string }).request_id, offered)
    })
  }
  const bad = [
    '',
    'short',
    'a'.repeat(65),
    'with space',
    'tab\tinside',
    'new%0d%0aline',
    '<script>alert</script>',
    '{"a":"bbbbbbbb"}',
    'ünïcödeünïcöde',
    '../../../../etc',
    '-starts-with-dash',
    'semi;colon;here',
    'line\r\nSet-Cookie: a=b',
    'esc\u001b[31mred-red',
    'null\0byte-byte',
  ]
  for (const offered of bad) {
    test(`${JSON.stringify(offered.slice(0, 24))} is replaced (header injection)`, () => {
      assert.match(requestIdOf(offered, now), /^req_[0-9a-z]{26}$/)
    })
  }
})

describe('hosts (W-12)', () => {
  const { app } = appWith({ allowedHosts: ['sts.acme.example', '127.0.0.1:8080'] })
  const ask = (url: string, host?: string, listener?: 'tcp' | 'local-socket') =>
    app.request(
      new Request(url, host === undefined ? {} : { headers: { host } }),
      undefined,
      listener === undefined ? {} : { listener },
    )
  for (const host of [
    'evil.example',
    'sts.acme.example:8443',
    'sts.acme.example.evil.example',
    'sts.acme.example, evil.example',
    'localhost',
    '127.0.0.1',
    '',
  ]) {
    test(`Host "${host}" is refused before any route`, async () => {
      const response = await ask('http://sts.acme.example/boom', host)
      assert.equal(response.status, 421)
      assert.equal(((await response.json()) as { code: string }).code, 'host_not_allowed')
    })
  }
  test('a target in absolute form counts beside the Host header', async () => {
    assert.equal((await ask('http://evil.example/v1/things/a', 'sts.acme.example')).status, 421)
  })
  test('our names are served in any case; the local socket has no names', async () => {
    assert.equal((await ask('http://sts.acme.example/v1/things/a', 'STS.acme.example')).status, 200)
    assert.equal((await ask('http://127.0.0.1:8080/v1/things/a')).status, 200)
    assert.equal((await ask('http://x/v1/things/a', 'x', 'local-socket')).status, 200)
  })
  test('health is answered under any name: probes address the process (only health is)', async () => {
    const { app: probed } = appWith({
      allowedHosts: ['sts.acme.example'],
      routes: [...ROUTES, ...createHealthRoutes([])],
    })
    for (const path of ['/healthz', '/readyz'])
      assert.equal((await probed.request(`http://10.0.0.7:8080${path}`)).status, 200)
    assert.equal((await probed.request('http://10.0.0.7:8080/healthz', { method: 'POST' })).status, 421)
  })
  test('readiness names the check that fails, and not its error', async () => {
    const { app: probed } = appWith({
      routes: createHealthRoutes([
        { name: 'database', run: () => Promise.reject(new Error('canary')) },
        { name: 'audit', run: async () => undefined },
      ]),
    })
    const response = await probed.request('/readyz')
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), {
      status: 'not_ready',
      checks: [
        { name: 'database', ok: false, detail: 'the check failed' },
        { name: 'audit', ok: true },
      ],
    })
  })
  test('without a list every name is served', async () => {
    assert.equal((await appWith().app.request('http://anything/v1/things/a')).status, 200)
  })
})

describe('bodies', () => {
  const { app } = appWith()
  test('the limit counts bytes, not characters, and 413 closes the connection', async () => {
    for (const body of ['12345678901', 'éééééé']) {
      const response = await app.request('/v1/things/special', { method: 'POST', body })
      assert.equal(response.status, 413)
      assert.equal(response.headers.get('connection'), 'close')
    }
    const fits = await app.request('/v1/things/special', { method: 'POST', body: '1234567890' })
    assert.deepEqual(await fits.json(), { bytes: 10 })
  })
  for (const length of ['-1', '1e3', '0x10', 'abc', '99999999999999999999']) {
    test(`Content-Length ${length} is refused`, async () => {
      const response = await app.request('/v1/things/special', {
        method: 'POST',
        headers: { 'content-length': length },
      })
      assert.equal(response.status, 413)
    })
  }
  test('media types are compared without regard to case and parameters, but for the charset', () => {
    for (const header of [
      'application/json',
      'Application/JSON',
      'application/json; charset=UTF-8',
      'application/json;charset="utf-8"',
      'application/json; profile=x',
    ]) {
      assert.ok(hasMediaType(header, ['application/json']), header)
    }
    for (const header of [
      undefined,
      '',
      'json',
      'application/json2',
      'application/json;charset=utf-7',
      'text/json',
      'application/json text/plain',
      'x/y; application/json',
    ]) {
      assert.ok(!hasMediaType(header, ['application/json']), header)
    }
  })
  test('a refusal with a code keeps it', async () => {
    const { app: other } = appWith({
      routes: [
        {
          method: 'GET',
          path: '/x',
          respond: () => Promise.reject(new ServiceError('conflict', { detail: 'in the way' })),
        },
      ],
    })
    const response = await other.request('/x')
    assert.equal(response.status, 409)
    assert.equal(((await response.json()) as { detail: string }).detail, 'in the way')
  })
})
