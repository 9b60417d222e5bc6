import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { type ExampleApi, startExampleApi } from './support/example-api.ts'

// The example API against an issuer of the test's own, whose tokens can be wrong in one place at a time.
const AUDIENCE = 'https://orders.acme.example'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
let issuer = ''
let keys: Server
let api: ExampleApi

before(async () => {
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }
  keys = createServer((request, response) => {
    const discovery = request.url === '/.well-known/openid-configuration'
    const body = discovery ? { issuer, jwks_uri: `${issuer}/jwks` } : { keys: [jwk] }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', () => resolve()))
  issuer = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`
  api = await startExampleApi({ issuer, audience: AUDIENCE })
})
after(async () => {
  await api?.close()
  keys?.closeAllConnections()
  keys?.close()
})

function makeToken(change: Record<string, unknown> = {}, key: KeyObject = privateKey): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
    aud: AUDIENCE,
    sub: 'countersign://example/workload/tp_1/1',
    client_id: 'wl_1',
    scope: 'orders:read',
    iat: now,
    exp: now + 300,
    ...change,
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })}.${part(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

async function call(request: string, token?: string) {
  const [method = '', path = ''] = request.split(' ')
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(`${api.address}${path}`, { method, headers })
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body: await response.json() }
}

test('orders-api: no token, no answer', async () => {
  const { status, challenge } = await call('GET /orders')
  assert.deepEqual([status, challenge], [401, 'Bearer'])
})

test('orders-api: every fault of a token gets the same answer (RFC 6750 section 3.1)', async () => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const bad = [
    'abc',
    makeToken({ aud: 'https://other.acme.example' }),
    makeToken({ iss: 'https://elsewhere.example' }),
    makeToken({ exp: Math.floor(Date.now() / 1000) - 3600, iat: Math.floor(Date.now() / 1000) - 3900 }),
    makeToken({}, stranger),
    `${makeToken().slice(0, -4)}AAAA`,
  ]
  for (const token of bad) {
    const { status, challenge, body } = await call('GET /orders', token)
    assert.deepEqual([status, challenge, body], [401, 'Bearer error="invalid_token"', { error: 'invalid_token' }])
  }
  assert.doesNotMatch(api.log(), /eyJ/, 'no token in the log')
})

test('orders-api: a token without the scope of the route is refused with 403', async () => {
  const { status, challenge } = await call('POST /deployments', makeToken())
  assert.deepEqual([status, challenge], [403, 'Bearer error="insufficient_scope", scope="orders:deploy"'])
})

test('orders-api: a scope that only begins like the wanted one is not it', async () => {
  assert.equal((await call('GET /orders', makeToken({ scope: 'orders:readonly orders:rea' }))).status, 403)
})

test('orders-api: a valid token with the scope is answered', async () => {
  const { status, body } = await call('GET /orders', makeToken())
  assert.deepEqual([status, body], [200, { orders: 3, caller: 'wl_1' }])
})
