// Sender constraint (RFC 9449, RFC 8705) against a real server: tokens that are of no use without a key, from the policy that requires it
// to the management API that takes them.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createDpopKey, createTokenVerifier } from '@countersign/sdk'
import { createClientCertificate } from '../support/client-certificate.ts'
import { createInstallation, type HttpAnswer, type Installation, type Replica } from '../support/installation.ts'
import { ORDERS_AUDIENCE } from '../support/proofs.ts'
import { documentsWithWorkloads, repositoryOf } from '../support/workloads.ts'

const PAYMENTS = 'https://payments.acme.internal'
const SERVICES = [{ name: 'payments-api', audience: PAYMENTS, scopes: ['payments:read', 'payments:write'] }]
const PAYS = { service: 'payments-api', scopes: ['payments:write'] }

const cleanups: (() => Promise<void> | void)[] = []
/** As it is out of the box, and behind a proxy that ends mutual TLS. */
let plain: { installation: Installation; server: Replica }
let proxied: { installation: Installation; server: Replica }

async function start(http?: Readonly<Record<string, unknown>>) {
  const installation = await createInstallation(
    { after: (work) => void cleanups.push(work) },
    http === undefined ? {} : { config: { http } },
  )
  const documents = documentsWithWorkloads(installation.proofs, SERVICES, {
    orders: { service: 'orders-api', scopes: ['orders:read'] },
    'pays-dpop': { ...PAYS, limits: { senderConstraint: 'dpop' } },
    'pays-mtls': { ...PAYS, limits: { senderConstraint: 'mtls' } },
    'pays-any': { ...PAYS, limits: { senderConstraint: 'any' } },
    admin: { service: 'countersign-management', scopes: ['status:read', 'tokens:introspect'] },
  })
  writeFileSync(join(installation.directory, 'documents.yaml'), documents)
  const server = await installation.addReplica()
  await server.start()
  await server.apply()
  return { installation, server }
}

before(async () => {
  plain = await start()
  proxied = await start({ trustedProxies: ['127.0.0.1'], clientCertificates: 'trusted-proxies' })
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

interface Call {
  readonly at?: { installation: Installation; server: Replica }
  readonly audience?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
  /** A query takes the request the way of every other route; without one the token endpoint is answered directly. */
  readonly query?: string
  readonly claims?: Readonly<Record<string, unknown>>
}

function exchange(workload: string, call: Call = {}): Promise<HttpAnswer> {
  const { at = plain, audience = PAYMENTS, headers = {}, form = {}, query = '', claims = {} } = call
  const proof = at.installation.proofs.sign({ repository_id: repositoryOf(workload), ...claims })
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: proof,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience,
    ...form,
  })
  return at.server.request(`/oauth/token${query}`, { method: 'POST', body, headers: { ...headers } })
}

function assertRefused(answer: HttpAnswer, error: string, description: RegExp): string {
  assert.deepEqual([answer.status, answer.json?.['error']], [400, error], answer.text)
  assert.match(String(answer.json?.['error_description']), description)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.equal(answer.json?.['access_token'], undefined)
  return String(answer.json?.['error_id'])
}

function granted(answer: HttpAnswer, type: 'Bearer' | 'DPoP'): string {
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json?.['token_type'], type)
  return String(answer.json?.['access_token'])
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Readonly<Record<string, unknown>>

const tokenEndpoint = ({ installation }: typeof plain) => `${installation.issuer}/oauth/token`
const QUERIES = ['', '?way=app']

test('S-14: a policy that requires a sender constraint grants nothing without, and both sides are told the way out', async () => {
  for (const query of QUERIES) {
    for (const workload of ['pays-dpop', 'pays-mtls', 'pays-any']) {
      const id = assertRefused(await exchange(workload, { query }), 'invalid_request', /bound to a key or certificate/)
      assert.match(id, /^evt_/)
      if (query !== '') continue
      const explained = await plain.server.cli('explain', id)
      assert.match(explained.stdout, new RegExp(`policy-${workload}`))
      assert.match(explained.stdout, workload === 'pays-mtls' ? /client certificate/ : /DPoP proof/)
    }
    const denied = await exchange('pays-any', { query, form: { scope: 'payments:read' } })
    assertRefused(denied, 'invalid_scope', /scope/)
  }
})

test('V-22: a bad DPoP proof is invalid_dpop_proof on both ways, with its reason for the administrator only', async () => {
  const key = createDpopKey()
  const url = tokenEndpoint(plain)
  const proof = () => key.proof({ method: 'POST', url })
  const [header, payload] = proof().split('.')
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /compact JWS/],
    ['x', /compact JWS/],
    [`${proof()}, ${proof()}`, /there are several/],
    [key.proof({ method: 'GET', url }), /another method/],
    [key.proof({ method: 'POST', url: `${plain.installation.issuer}/oauth/revoke` }), /another target/],
    [key.proof({ method: 'POST', url: 'https://sts.acme.example/oauth/token' }), /another target/],
    [`${header}.${payload}.${proof().split('.')[2]}`, /signature/],
    [createDpopKey({ now: () => new Date(Date.now() - 120_000) }).proof({ method: 'POST', url }), /too old/],
  ]
  for (const query of QUERIES) {
    for (const [dpop, reason] of bad) {
      const answer = await exchange('pays-dpop', { query, headers: { dpop } })
      const id = assertRefused(answer, 'invalid_dpop_proof', /^The DPoP proof is not acceptable \(error id evt_/)
      assert.doesNotMatch(answer.text, reason)
      if (query === '' && dpop.includes(',')) assert.match((await plain.server.cli('explain', id)).stdout, reason)
    }
  }
})

test('S-14: a DPoP proof binds the token on both ways, also where no policy requires it, and is good once', async () => {
  const key = createDpopKey()
  for (const query of QUERIES) {
    for (const [workload, audience] of [
      ['pays-dpop', PAYMENTS],
      ['pays-any', PAYMENTS],
      ['orders', ORDERS_AUDIENCE],
    ] as const) {
      const dpop = key.proof({ method: 'POST', url: tokenEndpoint(plain) })
      const token = granted(await exchange(workload, { audience, query, headers: { dpop } }), 'DPoP')
      assert.deepEqual(claimsOf(token)['cnf'], { jkt: key.thumbprint })
      const replay = await exchange(workload, { audience, query, headers: { dpop } })
      assertRefused(replay, 'invalid_dpop_proof', /DPoP/)
    }
  }
})

test('the SDK verifies a bound token, and says what it is bound to', async () => {
  const key = createDpopKey()
  const dpop = key.proof({ method: 'POST', url: tokenEndpoint(plain) })
  const token = granted(await exchange('pays-dpop', { headers: { dpop } }), 'DPoP')
  const { issuer } = plain.installation
  const remote = { allowLoopbackHttp: true, allowPrivateNetwork: true }
  const verifier = createTokenVerifier({ issuer, audience: PAYMENTS, remote })
  assert.deepEqual((await verifier.verify(token)).claims['cnf'], { jkt: key.thumbprint })
  verifier.close()
})

test('T39: a subject proof with cnf is exchanged only with a DPoP proof by the same key, and never into a bearer token', async () => {
  const [key, thief] = [createDpopKey(), createDpopKey()]
  const claims = { cnf: { jkt: key.thumbprint } }
  const audience = ORDERS_AUDIENCE
  const proofBy = (by: typeof key) => ({ dpop: by.proof({ method: 'POST', url: tokenEndpoint(plain) }) })
  const accepted = /^The subject token was not accepted \(error id evt_/
  assertRefused(await exchange('orders', { audience, claims }), 'invalid_request', accepted)
  assertRefused(await exchange('orders', { audience, claims, headers: proofBy(thief) }), 'invalid_request', accepted)
  const unknown = { cnf: { jwk: key.publicJwk } }
  const refused = await exchange('orders', { audience, claims: unknown, headers: proofBy(key) })
  const id = assertRefused(refused, 'invalid_request', accepted)
  assert.match((await plain.server.cli('explain', id)).stdout, /bound to a key/)
  const token = granted(await exchange('orders', { audience, claims, headers: proofBy(key) }), 'DPoP')
  assert.deepEqual(claimsOf(token)['cnf'], { jkt: key.thumbprint })
})

test('S-14: a Client-Cert header is refused with 400 wherever nobody vouches for it', async () => {
  const headers = { 'client-cert': createClientCertificate().header }
  for (const query of QUERIES) {
    const call = { audience: ORDERS_AUDIENCE, query, headers }
    assertRefused(
      await exchange('orders', call),
      'invalid_request',
      /Client-Cert header is taken from declared proxies/,
    )
  }
  const authorization = `Bearer ${granted(await exchange('admin', { audience: `${plain.installation.issuer}/v1` }), 'Bearer')}`
  const introspected = await plain.server.request('/oauth/introspect', {
    method: 'POST',
    body: new URLSearchParams({ token: 'x' }),
    headers: { ...headers, authorization },
  })
  assert.equal(introspected.status, 400)
  const status = await plain.server.request('/v1/status', { headers: { ...headers, authorization } })
  assert.equal(status.status, 400)
})

test('S-14: a certificate that a declared proxy passes on binds the token, when the policy or the request asks for it', async () => {
  const certificate = createClientCertificate()
  const at = proxied
  const headers = { 'client-cert': certificate.header }
  const cnf = { 'x5t#S256': certificate.thumbprint }
  for (const query of QUERIES) {
    for (const workload of ['pays-mtls', 'pays-any']) {
      assertRefused(await exchange(workload, { at, query }), 'invalid_request', /bound/)
      const token = granted(await exchange(workload, { at, query, headers }), 'Bearer')
      assert.deepEqual(claimsOf(token)['cnf'], cnf)
    }
    const orders = { at, query, headers, audience: ORDERS_AUDIENCE }
    assert.equal(claimsOf(granted(await exchange('orders', orders), 'Bearer'))['cnf'], undefined)
    const asked = granted(await exchange('orders', { ...orders, form: { sender_constraint: 'mtls' } }), 'Bearer')
    assert.deepEqual(claimsOf(asked)['cnf'], cnf)
    const bad = { ...headers, 'client-cert': ':AAAA:' }
    assertRefused(await exchange('pays-mtls', { at, query, headers: bad }), 'invalid_request', /no certificate/)
  }
  const dpop = createDpopKey().proof({ method: 'POST', url: tokenEndpoint(at) })
  assertRefused(await exchange('pays-mtls', { at, headers: { ...headers, dpop } }), 'invalid_request', /bound/)
})

test('T39: a bound token is no bearer token for the management API and introspection; with its proof it is (RFC 9449 section 7)', async () => {
  const { installation, server } = plain
  const key = createDpopKey()
  const dpop = key.proof({ method: 'POST', url: tokenEndpoint(plain) })
  const audience = `${installation.issuer}/v1`
  const token = granted(await exchange('admin', { audience, headers: { dpop } }), 'DPoP')
  const url = `${installation.issuer}/v1/status`
  const get = (headers: Readonly<Record<string, string>>) => server.request('/v1/status', { headers: { ...headers } })
  const refusals: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [{ authorization: `Bearer ${token}` }, 'Bearer error="invalid_token"'],
    [
      { authorization: `Bearer ${token}`, dpop: key.proof({ method: 'GET', url, accessToken: token }) },
      'Bearer error="invalid_token"',
    ],
    [{ authorization: `DPoP ${token}` }, 'DPoP error="invalid_dpop_proof", algs="ES256 Ed25519"'],
    [
      { authorization: `DPoP ${token}`, dpop: key.proof({ method: 'GET', url }) },
      'DPoP error="invalid_dpop_proof", algs="ES256 Ed25519"',
    ],
    [
      { authorization: `DPoP ${token}`, dpop: createDpopKey().proof({ method: 'GET', url, accessToken: token }) },
      'DPoP error="invalid_token", algs="ES256 Ed25519"',
    ],
  ]
  for (const [headers, challenge] of refusals) {
    const answer = await get(headers)
    assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, challenge])
  }
  const good = { authorization: `DPoP ${token}`, dpop: key.proof({ method: 'GET', url, accessToken: token }) }
  assert.equal((await get(good)).status, 200)
  assert.equal((await get(good)).status, 401)

  const introspection = `${installation.issuer}/oauth/introspect`
  const ask = (headers: Readonly<Record<string, string>>) =>
    server.request('/oauth/introspect', {
      method: 'POST',
      body: new URLSearchParams({ token }),
      headers: { ...headers },
    })
  assert.equal((await ask({ authorization: `Bearer ${token}` })).status, 401)
  const proof = () => key.proof({ method: 'POST', url: introspection, accessToken: token })
  const { json } = await ask({ authorization: `DPoP ${token}`, dpop: proof() })
  assert.deepEqual([json?.['active'], json?.['token_type'], json?.['cnf']], [true, 'DPoP', { jkt: key.thumbprint }])

  // RFC 7009: who has its text may end it; that gives nobody anything.
  const body = new URLSearchParams({ token })
  assert.equal((await server.request('/oauth/revoke', { method: 'POST', body })).status, 200)
  const ended = await get({
    authorization: `DPoP ${token}`,
    dpop: key.proof({ method: 'GET', url, accessToken: token }),
  })
  assert.deepEqual(
    [ended.status, ended.headers.get('www-authenticate')],
    [401, 'DPoP error="invalid_token", algs="ES256 Ed25519"'],
  )
})

test('a certificate-bound token is taken from its certificate only (RFC 8705 section 3)', async () => {
  const { installation, server } = proxied
  const certificate = createClientCertificate()
  const headers = { 'client-cert': certificate.header }
  const call = { at: proxied, audience: `${installation.issuer}/v1`, headers, form: { sender_constraint: 'mtls' } }
  const authorization = `Bearer ${granted(await exchange('admin', call), 'Bearer')}`
  const statusOf = async (more: Readonly<Record<string, string>>) =>
    (await server.request('/v1/status', { headers: { authorization, ...more } })).status
  assert.equal(await statusOf({}), 401)
  assert.equal(await statusOf({ 'client-cert': createClientCertificate().header }), 401)
  assert.equal(await statusOf(headers), 200)
})

test('adding the requirement narrows; taking it away, or taking either for one, widens and needs the hash', async () => {
  const { installation, server } = plain
  const file = join(installation.directory, 'change.yaml')
  const planFor = async (workloads: Parameters<typeof documentsWithWorkloads>[2]): Promise<string> => {
    writeFileSync(file, documentsWithWorkloads(installation.proofs, SERVICES, workloads))
    const planned = await server.cli('diff', '-f', file)
    assert.equal(planned.exit, 1, planned.stderr)
    return planned.stdout
  }
  assert.match(await planFor({ 'pays-dpop': PAYS }), /newly admits callers that prove no key/)
  const loosened = await server.cli('apply', '-f', file)
  assert.notEqual(loosened.exit, 0)
  assert.match(loosened.stderr, /widening_refused/)
  const any = { ...PAYS, limits: { senderConstraint: 'any' } }
  assert.match(await planFor({ 'pays-dpop': any }), /newly admits another kind of proof/)
  const token = granted(await exchange('orders', { audience: ORDERS_AUDIENCE }), 'Bearer')
  const admin = granted(await exchange('admin', { audience: `${installation.issuer}/v1` }), 'Bearer')
  const isActive = async () => {
    const headers = { authorization: `Bearer ${admin}` }
    const body = new URLSearchParams({ token })
    return (await server.request('/oauth/introspect', { method: 'POST', body, headers })).json?.['active']
  }
  assert.equal(await isActive(), true)
  const dpop = { service: 'orders-api', scopes: ['orders:read'], limits: { senderConstraint: 'dpop' } }
  assert.match(await planFor({ orders: dpop }), /no longer admits callers that prove no key/)
  const applied = await server.cli('apply', '-f', file)
  assert.equal(applied.exit, 0, applied.stderr)
  // Invariant 7: what was issued under the wider policy ends with it.
  assert.equal(await isActive(), false)
})

test('the metadata names the algorithms of DPoP proofs, and certificates only where they are taken (RFC 9449 section 5.1, S-15)', async () => {
  for (const [{ server }, certificates] of [
    [plain, undefined],
    [proxied, true],
  ] as const) {
    for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
      const { json } = await server.request(path)
      assert.deepEqual(json?.['dpop_signing_alg_values_supported'], ['ES256', 'Ed25519'])
      assert.equal(json?.['tls_client_certificate_bound_access_tokens'], certificates)
    }
  }
})
