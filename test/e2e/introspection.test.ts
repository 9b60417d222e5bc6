// Introspection (RFC 7662) against a real server: who may ask, what is told to whom, and that nothing revoked is ever called active.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createInstallation, type HttpAnswer, type Installation, type Replica } from '../support/installation.ts'
import { ORDERS_AUDIENCE } from '../support/proofs.ts'
import { documentsWithWorkloads, repositoryOf } from '../support/workloads.ts'

const BILLING = 'https://billing.acme.internal'
const INACTIVE = '{"active":false}'

const cleanups: (() => Promise<void> | void)[] = []
let installation: Installation
let server: Replica
let management: string

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  management = `${installation.issuer}/v1`
  const services = [{ name: 'billing-api', audience: BILLING, scopes: ['bills:read', 'bills:write'] }]
  const onManagement = (...scopes: readonly string[]) => ({ service: 'countersign-management', scopes })
  const documents = documentsWithWorkloads(installation.proofs, services, {
    orders: { service: 'orders-api', scopes: ['orders:read', 'orders:write'] },
    billing: { service: 'billing-api', scopes: ['bills:read'] },
    'orders-verifier': onManagement('verify:orders-api'),
    'billing-verifier': onManagement('verify:billing-api'),
    operator: onManagement('tokens:introspect'),
    reader: onManagement('status:read'),
  })
  writeFileSync(join(installation.directory, 'documents.yaml'), documents)
  server = await installation.addReplica()
  await server.start()
  await server.apply()
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

async function tokenOf(workload: string, audience: string): Promise<string> {
  const proof = installation.proofs.sign({ repository_id: repositoryOf(workload) })
  const answer = await server.exchange(proof, { audience, scope: undefined })
  assert.equal(answer.status, 200, answer.text)
  return String(answer.json?.['access_token'])
}

const introspect = (
  token: string | undefined,
  caller: string | undefined,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> =>
  server.request('/oauth/introspect', {
    method: 'POST',
    body: new URLSearchParams(token === undefined ? {} : { token, token_type_hint: 'access_token' }),
    headers: { ...(caller === undefined ? {} : { authorization: `Bearer ${caller}` }), ...headers },
  })

/** Everything of an answer but what differs between any two. */
function essence({ status, headers, text }: HttpAnswer): unknown {
  const kept = [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id')
  return { status, headers: kept.sort(), text }
}

test('T22: nobody is answered who does not say who he is, or holds no token for this', async () => {
  const orders = await tokenOf('orders', ORDERS_AUDIENCE)
  const reader = await tokenOf('reader', management)
  const refusals: readonly (readonly [string | undefined, Record<string, string>, string])[] = [
    [undefined, {}, 'Bearer, DPoP algs="ES256 Ed25519"'],
    [undefined, { authorization: 'Basic YTpi' }, 'Bearer, DPoP algs="ES256 Ed25519"'],
    ['x', {}, 'Bearer error="invalid_token"'],
    // A token for another audience authenticates nobody here, not even as the token that is asked about.
    [orders, {}, 'Bearer error="invalid_token"'],
    [`${reader.slice(0, -3)}AAA`, {}, 'Bearer error="invalid_token"'],
    [undefined, { authorization: `DPoP ${reader}` }, 'DPoP error="invalid_token", algs="ES256 Ed25519"'],
    [reader, {}, 'Bearer error="insufficient_scope"'],
  ]
  for (const [caller, headers, challenge] of refusals) {
    const answer = await introspect(orders, caller, headers)
    assert.equal(answer.status, 401, answer.text)
    assert.equal(answer.headers.get('www-authenticate'), challenge)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    assert.equal(answer.json?.['active'], undefined)
  }
})

test('T22: a token of another service, garbage, a stranger’s and a forged one get the same answer, byte for byte', async () => {
  const caller = await tokenOf('orders-verifier', management)
  const billing = await tokenOf('billing', BILLING)
  const orders = await tokenOf('orders', ORDERS_AUDIENCE)
  const [header, , signature] = orders.split('.')
  const claims = { iss: installation.issuer, aud: ORDERS_AUDIENCE, sub: 'x', exp: 4e9, iat: 1, jti: 'jti_x' }
  const forged = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`
  const unknown = await introspect('garbage', caller)
  assert.equal(unknown.status, 200)
  assert.equal(unknown.text, INACTIVE)
  assert.equal(unknown.headers.get('cache-control'), 'no-store')
  for (const token of [billing, forged, installation.proofs.sign(), caller, 'a.b.c', 'a'.repeat(20_000), 'ä']) {
    assert.deepEqual(essence(await introspect(token, caller)), essence(unknown))
  }
})

test('the verifiers of a service are told of its tokens, each of its own, and operators of all', async () => {
  const tokens = { orders: await tokenOf('orders', ORDERS_AUDIENCE), billing: await tokenOf('billing', BILLING) }
  const callers = {
    orders: await tokenOf('orders-verifier', management),
    billing: await tokenOf('billing-verifier', management),
    operator: await tokenOf('operator', management),
  }
  const isActive = async (token: string, caller: string) => (await introspect(token, caller)).json?.['active']
  assert.equal(await isActive(tokens.orders, callers.orders), true)
  assert.equal(await isActive(tokens.orders, callers.billing), false)
  assert.equal(await isActive(tokens.billing, callers.orders), false)
  assert.equal(await isActive(tokens.billing, callers.billing), true)
  for (const token of [tokens.orders, tokens.billing, callers.orders]) {
    assert.equal(await isActive(token, callers.operator), true)
  }
})

test('an active token is told as RFC 7662 section 2.2 says: what its signature covers, and nothing else', async () => {
  const token = await tokenOf('orders', ORDERS_AUDIENCE)
  const { json, headers } = await introspect(token, await tokenOf('orders-verifier', management))
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
  assert.deepEqual(json, { active: true, token_type: 'Bearer', ...claims })
  assert.equal(headers.get('cache-control'), 'no-store')
  const { evt } = claims['cs'] as { evt: string }
  const event = await server.cliJson('events', 'get', evt)
  assert.deepEqual([event['kind'], event['outcome']], ['exchange.decided', 'allowed'])
})

test('T23: a token that its holder has revoked is inactive for everybody at once, and so is a revoked caller', async () => {
  const [token, other] = [await tokenOf('orders', ORDERS_AUDIENCE), await tokenOf('orders', ORDERS_AUDIENCE)]
  const [caller, operator] = [await tokenOf('orders-verifier', management), await tokenOf('operator', management)]
  const revoke = (what: string) =>
    server.request('/oauth/revoke', { method: 'POST', body: new URLSearchParams({ token: what }) })
  assert.equal((await revoke(token)).status, 200)
  const inactive = await introspect(token, caller)
  assert.deepEqual(essence(inactive), essence(await introspect('garbage', caller)))
  assert.equal((await introspect(token, operator)).text, INACTIVE)
  assert.equal((await introspect(other, caller)).json?.['active'], true)
  assert.equal((await revoke(caller)).status, 200)
  const refused = await introspect(other, caller)
  assert.deepEqual([refused.status, refused.headers.get('www-authenticate')], [401, 'Bearer error="invalid_token"'])
})

test('T23: the strictest rule wins: every token of a policy ends with it, though none was revoked itself', async () => {
  const token = await tokenOf('billing', BILLING)
  const caller = await tokenOf('billing-verifier', management)
  assert.equal((await introspect(token, caller)).json?.['active'], true)
  const removed = await server.cli('trust-policies', 'delete', 'policy-billing', '--yes')
  assert.equal(removed.exit, 0, removed.stderr)
  assert.equal((await introspect(token, caller)).text, INACTIVE)
  assert.equal((await introspect(token, await tokenOf('operator', management))).text, INACTIVE)
})

test('what is revoked at one replica is inactive at the other as soon as it has read the log', async (t) => {
  if ('embedded' in installation.target) return t.skip('the embedded store has one process')
  const second = await installation.addReplica()
  await second.start()
  const token = await tokenOf('orders', ORDERS_AUDIENCE)
  const authorization = `Bearer ${await tokenOf('orders-verifier', management)}`
  const ask = () =>
    second.request('/oauth/introspect', {
      method: 'POST',
      body: new URLSearchParams({ token }),
      headers: { authorization },
    })
  await second.follow(server)
  assert.equal((await ask()).json?.['active'], true)
  await server.request('/oauth/revoke', { method: 'POST', body: new URLSearchParams({ token }) })
  await second.follow(server)
  assert.equal((await ask()).text, INACTIVE)
})

test('a form without a token is malformed, another method is 405, and the metadata names the endpoint (S-15)', async () => {
  const missing = await introspect(undefined, await tokenOf('operator', management))
  assert.deepEqual([missing.status, missing.json?.['error']], [400, 'invalid_request'])
  assert.equal((await server.request('/oauth/introspect')).status, 405)
  const { json } = await server.request('/.well-known/oauth-authorization-server')
  assert.equal(json?.['introspection_endpoint'], `${installation.issuer}/oauth/introspect`)
  assert.deepEqual(json?.['introspection_endpoint_auth_methods_supported'], ['Bearer', 'DPoP'])
})
