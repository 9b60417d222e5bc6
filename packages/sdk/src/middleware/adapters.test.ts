import assert from 'node:assert/strict'
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { createDpopKey, createDpopNonces, type DpopProofRequest } from '../dpop/index.ts'
import { CountersignError } from '../errors.ts'
import { selfSign } from '../jwks/issuer-server.fixture.ts'
import { createTestIssuer } from '../testing/index.ts'
import { createTokenVerifier, type TokenVerifier } from '../verify/index.ts'
import { ADAPTERS, type Answer, RESOURCE, startApp } from './adapters.fixture.ts'
import type { RefusalReport } from './report.ts'

const AUDIENCE = 'https://orders.acme.example'
const METADATA = 'https://orders.acme.example/.well-known/oauth-protected-resource/v1'
const issuer = createTestIssuer()
const stranger = createTestIssuer()
const verifierOptions = issuer.verifierOptions(AUDIENCE)
const verifier = createTokenVerifier({ ...verifierOptions, cache: true })
const scopes = ['orders:read']
const good = issuer.token({ audience: AUDIENCE, scopes: ['orders:read', 'orders:write'], workload: 'wl_reporting' })
const unscoped = issuer.token({ audience: AUDIENCE, scopes: ['orders:write'] })
const bearer = (token: string) => ['Authorization', `Bearer ${token}`]

const PROBLEMS = {
  none: '{"type":"about:blank","title":"Unauthorized","status":401,"detail":"This resource needs an access token."}',
  malformed:
    '{"type":"about:blank","title":"Bad Request","status":400,"detail":"The access token is not presented in exactly one acceptable way.","code":"invalid_request"}',
  invalid:
    '{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The access token is not accepted.","code":"invalid_token"}',
  scope:
    '{"type":"about:blank","title":"Forbidden","status":403,"detail":"The access token does not have the scopes that this resource needs.","code":"insufficient_scope"}',
  proof:
    '{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The DPoP proof is not accepted.","code":"invalid_dpop_proof"}',
  nonce:
    '{"type":"about:blank","title":"Unauthorized","status":401,"detail":"The DPoP proof needs the nonce of this answer.","code":"use_dpop_nonce"}',
  unavailable:
    '{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Access tokens cannot be checked now."}',
}

/** That an answer is this refusal, to the byte: status, body, and every header that the middleware sets. */
function refused(answer: Answer, problem: keyof typeof PROBLEMS, headers: [string, string][], hint = ''): void {
  const body = PROBLEMS[problem]
  assert.equal(answer.body, body, hint)
  assert.equal(answer.status, (JSON.parse(body) as { status: number }).status, hint)
  const ours = ['www-authenticate', 'content-type', 'cache-control', 'retry-after', 'dpop-nonce', 'content-length']
  assert.deepEqual(
    answer.headers.filter(([name]) => ours.includes(name)).sort(([a], [b]) => ours.indexOf(a) - ours.indexOf(b)),
    [
      ...headers,
      ['content-type', 'application/problem+json'],
      ['cache-control', 'no-store'],
      ['content-length', String(Buffer.byteLength(body))],
    ].sort(([a = ''], [b = '']) => ours.indexOf(a) - ours.indexOf(b)),
    hint,
  )
}

function tampered(token: string): string {
  const at = token.lastIndexOf('.') + 10
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}

const BEARER = 'Bearer realm="orders \\"v1\\""'

/** Requests to a route that takes plain tokens with the scope orders:read, and their answers. */
const CASES: readonly {
  readonly name: string
  readonly headers: readonly string[]
  readonly path?: string
  readonly method?: string
  readonly body?: string
  readonly problem: keyof typeof PROBLEMS
  readonly challenge: string
}[] = [
  // RFC 6750 section 3.1: no error code when there is no credential, or one of a scheme that is not known here.
  ...[
    { name: 'no credential', headers: [] },
    { name: 'Basic', headers: ['Authorization', 'Basic dXNlcjpwYXNz'] },
    { name: 'Negotiate', headers: ['Authorization', 'Negotiate'] },
    { name: 'DPoP where it is not offered', headers: ['Authorization', `DPoP ${good}`] },
    { name: 'a token in a cookie', headers: ['Cookie', `access_token=${good}`] },
    { name: 'a token in another header', headers: ['X-Access-Token', good, 'Proxy-Authorization', `Bearer ${good}`] },
    {
      name: 'a token in a form body',
      headers: ['Content-Type', 'application/x-www-form-urlencoded'],
      method: 'POST',
      body: `access_token=${good}`,
    },
  ].map((row) => ({ ...row, problem: 'none' as const, challenge: `${BEARER}, resource_metadata="${METADATA}"` })),
  ...[
    { name: 'two Authorization headers', headers: [...bearer(good), ...bearer(good)] },
    { name: 'Bearer and Basic', headers: [...bearer(good), 'Authorization', 'Basic dXNlcjpwYXNz'] },
    { name: 'Basic and Bearer', headers: ['Authorization', 'Basic dXNlcjpwYXNz', ...bearer(good)] },
    { name: 'two tokens in one header', headers: ['Authorization', `Bearer ${good}, Bearer ${good}`] },
    { name: 'a scheme without a token', headers: ['Authorization', 'Bearer'] },
    { name: 'a scheme with spaces only', headers: ['Authorization', 'Bearer  '] },
    { name: 'an empty header', headers: ['Authorization', ''] },
    { name: 'a token without a scheme', headers: ['Authorization', `"${good}"`] },
    { name: 'a token with a space', headers: ['Authorization', `Bearer ${good} x`] },
    { name: 'a quoted token', headers: ['Authorization', `Bearer "${good}"`] },
    { name: 'a token in the query', headers: [], path: `/orders?access_token=${good}` },
    { name: 'a token in the query and the header', headers: bearer(good), path: `/orders?access_token=${good}` },
    { name: 'an empty one in the query', headers: bearer(good), path: '/orders?a=1&access_token=' },
    { name: 'a disguised one in the query', headers: bearer(good), path: `/orders?acc%65ss%5Ftoken=${good}` },
  ].map((row) => ({
    ...row,
    problem: 'malformed' as const,
    challenge: `${BEARER}, error="invalid_request", resource_metadata="${METADATA}"`,
  })),
  // V-21: one answer, whatever is wrong with the token.
  ...[
    { name: 'not a token', token: 'x' },
    { name: 'not signed', token: `${good.slice(0, good.lastIndexOf('.'))}.` },
    { name: 'tampered', token: tampered(good) },
    { name: 'larger than any token', token: 'a'.repeat(12_000) },
    { name: 'of another issuer', token: stranger.token({ audience: AUDIENCE, scopes }) },
    { name: 'of another audience', token: issuer.token({ audience: 'https://other.acme.example', scopes }) },
    { name: 'expired', token: issuer.token({ audience: AUDIENCE, scopes, expiresInSeconds: -60 }) },
    { name: 'of another type', token: issuer.token({ audience: AUDIENCE, scopes, header: { typ: 'JWT' } }) },
    { name: 'of an unknown key', token: issuer.token({ audience: AUDIENCE, scopes, header: { kid: 'other' } }) },
    { name: 'alg none', token: issuer.token({ audience: AUDIENCE, scopes, header: { alg: 'none' } }) },
    { name: 'alg HS256', token: issuer.token({ audience: AUDIENCE, scopes, header: { alg: 'HS256' } }) },
    { name: 'without jti', token: issuer.token({ audience: AUDIENCE, scopes, claims: { jti: undefined } }) },
    {
      name: 'without client_id',
      token: issuer.token({ audience: AUDIENCE, scopes, claims: { client_id: undefined } }),
    },
    { name: 'with a list as scope', token: issuer.token({ audience: AUDIENCE, claims: { scope: ['orders:read'] } }) },
    { name: 'T39: bound to a key', token: issuer.token({ audience: AUDIENCE, scopes, dpop: createDpopKey() }) },
    {
      name: 'T39: bound to a certificate',
      token: issuer.token({ audience: AUDIENCE, scopes, certificate: randomBytes(9) }),
    },
    { name: 'T39: bound to nothing known', token: issuer.token({ audience: AUDIENCE, scopes, claims: { cnf: {} } }) },
    { name: 'T39: bound by kid', token: issuer.token({ audience: AUDIENCE, scopes, claims: { cnf: { kid: 'k' } } }) },
  ].map(({ name, token }) => ({
    name,
    headers: bearer(token),
    problem: 'invalid' as const,
    challenge: `${BEARER}, error="invalid_token", resource_metadata="${METADATA}"`,
  })),
  ...[
    { name: 'another scope', token: unscoped },
    { name: 'no scope', token: issuer.token({ audience: AUDIENCE }) },
    { name: 'a longer scope', token: issuer.token({ audience: AUDIENCE, scopes: ['orders:readall'] }) },
  ].map(({ name, token }) => ({
    name,
    headers: bearer(token),
    problem: 'scope' as const,
    challenge: `${BEARER}, error="insufficient_scope", scope="orders:read", resource_metadata="${METADATA}"`,
  })),
]

for (const adapter of ADAPTERS) {
  test(`${adapter.name}: RFC 6750, RFC 9457: every refusal to the byte, and no error handler sees one`, async (t) => {
    const reports: RefusalReport[] = []
    const app = await startApp(t, adapter, {
      verifier,
      scopes,
      realm: 'orders "v1"',
      resourceMetadata: METADATA,
      onRefusal: (report) => reports.push(report),
    })
    for (const { name, problem, challenge, ...request } of CASES) {
      refused(await app.send(request), problem, [['www-authenticate', challenge]], `${adapter.name}: ${name}`)
    }
    assert.equal(reports.length, CASES.length)
    assert.deepEqual(app.errors, [])
    // V-21: no token, nor a part of one, in what is for logs.
    const logged = JSON.stringify(reports)
    for (const { headers } of CASES) {
      const token = / ([\w.~+/-]{40,})/.exec(headers[1] ?? '')?.[1]
      if (token !== undefined) assert.equal(logged.includes(token.slice(-40)), false)
    }
    assert.doesNotMatch(logged, /eyJ/)
    const head = await app.send({ method: 'HEAD' })
    assert.deepEqual([head.status, head.body], [401, ''])
    assert.equal((await app.send({ headers: bearer(good) })).status, 200)
    assert.equal((await app.send({ method: 'HEAD', headers: bearer(good) })).status, 200)
  })

  test(`${adapter.name}: an accepted token gives the principal that it names`, async (t) => {
    const app = await startApp(t, adapter, { ...verifierOptions, scopes })
    const token = issuer.token({
      audience: AUDIENCE,
      scopes: ['orders:read', 'orders:write'],
      workload: 'wl_reporting',
      actors: [{ sub: 'agent' }, { sub: 'scheduler', iss: 'https://sts.acme.example' }],
      claims: { cs: { evt: 'evt_1' }, jti: 'j1' },
    })
    for (const spelling of ['Bearer ', 'bearer ', 'BEARER   ']) {
      const answer = await app.send({
        headers: ['authorization', `${spelling}${token}`],
        path: '/orders?limit=5&x=%20',
      })
      assert.equal(answer.status, 200, answer.body)
      const { expiresAt, subject, ...principal } = JSON.parse(answer.body) as Record<string, unknown>
      assert.deepEqual(principal, {
        workload: 'wl_reporting',
        scopes: ['orders:read', 'orders:write'],
        actors: [{ sub: 'agent' }, { sub: 'scheduler', iss: 'https://sts.acme.example' }],
        eventId: 'evt_1',
        tokenId: 'j1',
        tokenType: 'Bearer',
      })
      assert.match(String(subject), /^countersign:\/\/.*\/wl_reporting$/)
      assert.ok(Date.parse(String(expiresAt)) > Date.now())
    }
  })

  test(`${adapter.name}: revoked means refused, also for a repeated token, and an outage is 503 and not the token's fault`, async (t) => {
    const own = createTestIssuer()
    const app = await startApp(t, adapter, { ...own.verifierOptions(AUDIENCE), scopes })
    const token = own.token({ audience: AUDIENCE, scopes })
    const invalid: [string, string][] = [['www-authenticate', 'Bearer realm="api", error="invalid_token"']]
    assert.equal((await app.send({ headers: bearer(token) })).status, 200)
    own.setRevocationsAvailable(false)
    refused(await app.send({ headers: bearer(token) }), 'unavailable', [['retry-after', '5']])
    refused(await app.send({ headers: bearer(tampered(token)) }), 'invalid', invalid)
    own.setRevocationsAvailable(true)
    assert.equal((await app.send({ headers: bearer(token) })).status, 200)
    own.revoke(token)
    refused(await app.send({ headers: bearer(token) }), 'invalid', invalid)
    assert.deepEqual(app.errors, [])
  })

  test(`${adapter.name}: keys that must be fetched, and keys that cannot be`, async (t) => {
    const slow: Pick<TokenVerifier, 'verify' | 'verifySync'> = {
      verifySync: () => undefined,
      async verify(token) {
        await new Promise((later) => setTimeout(later, 5))
        if (token === 'down') throw new CountersignError('keys_unavailable')
        return verifier.verify(token)
      },
    }
    const app = await startApp(t, adapter, { verifier: slow, scopes })
    const challenge = (rest: string): [string, string][] => [['www-authenticate', `Bearer realm="api", ${rest}`]]
    refused(await app.send({ headers: bearer('down') }), 'unavailable', [['retry-after', '5']])
    refused(await app.send({ headers: bearer(tampered(good)) }), 'invalid', challenge('error="invalid_token"'))
    refused(await app.send({ headers: bearer(`${good} x`) }), 'malformed', challenge('error="invalid_request"'))
    refused(
      await app.send({ headers: bearer(unscoped) }),
      'scope',
      challenge('error="insufficient_scope", scope="orders:read"'),
    )
    // Many at once, good and bad ones in turn: each gets its own answer.
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => app.send({ headers: bearer(i % 2 === 0 ? good : tampered(good)) })),
    )
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map((_, i) => (i % 2 === 0 ? 200 : 401)),
    )
    assert.deepEqual(app.errors, [])
  })

  test(`${adapter.name}: a body streams through untouched, also when the decision takes time`, async (t) => {
    const body = randomBytes(3_000_000).toString('hex')
    const digest = createHash('sha256').update(body).digest('hex')
    const later: Pick<TokenVerifier, 'verify' | 'verifySync'> = {
      verifySync: () => undefined,
      async verify(token) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        return verifier.verify(token)
      },
    }
    for (const using of [verifier, later]) {
      const app = await startApp(t, adapter, { verifier: using, scopes })
      const octets = ['Content-Type', 'application/octet-stream', 'Transfer-Encoding', 'chunked']
      const answer = await app.send({ method: 'POST', headers: [...bearer(good), ...octets], body })
      assert.equal(answer.status, 200)
      assert.equal(createHash('sha256').update(answer.body).digest('hex'), digest)
    }
  })

  test(`${adapter.name}: errors of the app, and failures that are no refusal, are the framework's and never an admission`, async (t) => {
    const broken: Pick<TokenVerifier, 'verify' | 'verifySync'> = {
      verifySync(token) {
        if (token === 'sync') throw new TypeError('broken at once')
        return token === 'async' ? undefined : verifier.verifySync(token)
      },
      async verify() {
        throw new TypeError('broken later')
      },
    }
    const app = await startApp(t, adapter, { verifier: broken, scopes })
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    const printed = t.mock.method(console, 'error', () => undefined)
    process.on('warning', onWarning)
    t.after(() => process.off('warning', onWarning))
    for (const token of ['sync', 'async']) {
      const answer = await app.send({ headers: bearer(token) })
      assert.equal(answer.status, 500, adapter.name)
      assert.doesNotMatch(answer.body, /broken/)
    }
    const answer = await app.send({ headers: bearer(good), path: '/fails' })
    assert.equal(answer.status, 500)
    if (adapter.handlesErrors) assert.equal(answer.body, 'handled')
    await new Promise((later) => setImmediate(later))
    const expected =
      adapter.name === 'node'
        ? { handled: ['the app failed'], warned: ['broken at once', 'broken later'] }
        : { handled: adapter.handlesErrors ? ['broken at once', 'broken later', 'the app failed'] : [], warned: [] }
    assert.deepEqual(
      app.errors.map((error) => (error as Error).message),
      expected.handled,
    )
    assert.deepEqual(
      warnings.filter(({ message }) => message.startsWith('broken')).map(({ message }) => message),
      expected.warned,
    )
    printed.mock.restore()
  })

  test(`${adapter.name}: a verifier that fails with no error at all admits nobody: frameworks take that for "go on"`, async (t) => {
    // As a timer does that is given the `reject` of a promise; and a word that Express knows.
    for (const thrown of [undefined, null, 0, '', 'route', 'router']) {
      const rejecting: Pick<TokenVerifier, 'verify' | 'verifySync'> = {
        verifySync(token) {
          if (token === 'sync') throw thrown
          return undefined
        },
        verify: () => Promise.reject(thrown),
      }
      const printed = t.mock.method(console, 'error', () => undefined)
      const app = await startApp(t, adapter, { verifier: rejecting, scopes })
      for (const token of ['sync', 'async']) {
        const { status } = await app.send({ headers: bearer(token) })
        assert.equal(status, 500, `${token}: ${String(thrown)}`)
      }
      printed.mock.restore()
    }
  })

  test(`${adapter.name}: V-22, RFC 9449: bound tokens need a proof by their key, made for this request, once`, async (t) => {
    const key = createDpopKey()
    const thief = createDpopKey()
    const reports: RefusalReport[] = []
    const app = await startApp(t, adapter, {
      verifier,
      scopes,
      dpop: { origin: AUDIENCE },
      onRefusal: (report) => reports.push(report),
    })
    const token = issuer.token({ audience: AUDIENCE, scopes, dpop: key })
    const other = issuer.token({ audience: AUDIENCE, scopes, dpop: key })
    const url = `${AUDIENCE}/orders`
    const proof = (changes: Partial<DpopProofRequest> = {}, by = key) =>
      by.proof({ method: 'GET', url, accessToken: token, ...changes })
    const dpop = (value: string, ...proofs: string[]) => [
      'Authorization',
      `DPoP ${value}`,
      ...proofs.flatMap((one) => ['DPoP', one]),
    ]
    const offer = 'DPoP realm="api", algs="ES256 Ed25519"'
    const challenge = (error: string): [string, string][] => [
      ['www-authenticate', `DPoP realm="api", error="${error}", algs="ES256 Ed25519"`],
    ]
    refused(await app.send({}), 'none', [['www-authenticate', `Bearer realm="api", ${offer}`]])
    // T39: never as a plain token.
    refused(await app.send({ headers: bearer(token) }), 'invalid', [
      ['www-authenticate', `Bearer realm="api", error="invalid_token", ${offer}`],
    ])
    refused(await app.send({ headers: [...bearer(token), 'DPoP', proof()] }), 'malformed', [
      ['www-authenticate', 'Bearer realm="api", error="invalid_request"'],
    ])
    refused(
      await app.send({ headers: dpop(good, proof({ accessToken: good })) }),
      'invalid',
      challenge('invalid_token'),
    )
    refused(await app.send({ headers: dpop(tampered(token), proof()) }), 'invalid', challenge('invalid_token'))
    // A good proof of another key: the answer is that of a bad token, so it says nothing about the token.
    refused(await app.send({ headers: dpop(token, proof({}, thief)) }), 'invalid', challenge('invalid_token'))
    const bad = [
      [],
      ['x'],
      [proof(), proof()],
      [`${proof()}, ${proof()}`],
      [tampered(proof())],
      [proof({ method: 'POST' })],
      [proof({ url: `${AUDIENCE}/orders/1` })],
      // The Host header of each request here is evil.example.
      [proof({ url: 'https://evil.example/orders' })],
      [proof({ url: 'http://orders.acme.example/orders' })],
      [proof({ accessToken: other })],
      [key.proof({ method: 'GET', url })],
      [createDpopKey({ now: () => new Date(Date.now() - 61_000) }).proof({ method: 'GET', url, accessToken: token })],
    ]
    for (const proofs of bad) {
      refused(await app.send({ headers: dpop(token, ...proofs) }), 'proof', challenge('invalid_dpop_proof'))
    }
    const once = proof()
    const answer = await app.send({ headers: dpop(token, once), path: '/orders?limit=5' })
    assert.equal(answer.status, 200, answer.body)
    const { tokenType, confirmation } = JSON.parse(answer.body) as Record<string, unknown>
    assert.deepEqual({ tokenType, confirmation }, { tokenType: 'DPoP', confirmation: { jkt: key.thumbprint } })
    refused(await app.send({ headers: dpop(token, once) }), 'proof', challenge('invalid_dpop_proof'))
    refused(
      await app.send({
        headers: dpop(
          issuer.token({ audience: AUDIENCE, dpop: key }),
          key.proof({ method: 'GET', url, accessToken: 'x' }),
        ),
      }),
      'proof',
      challenge('invalid_dpop_proof'),
    )
    const without = issuer.token({ audience: AUDIENCE, dpop: key })
    refused(await app.send({ headers: dpop(without, proof({ accessToken: without })) }), 'scope', [
      ['www-authenticate', 'DPoP realm="api", error="insufficient_scope", scope="orders:read", algs="ES256 Ed25519"'],
    ])
    // Plain tokens are still taken, since none is required to be bound.
    assert.equal((await app.send({ headers: bearer(good) })).status, 200)
    assert.ok(reports.some(({ code }) => code === 'dpop_proof_replayed'))
    assert.ok(reports.some(({ code }) => code === 'sender_constraint_missing'))
    assert.ok(reports.some(({ code }) => code === 'sender_constraint_failed'))
    // Twice the same proof at the same time: one of them.
    const raced = proof()
    const statuses = (await Promise.all([1, 2, 3, 4].map(() => app.send({ headers: dpop(token, raced) })))).map(
      ({ status }) => status,
    )
    assert.deepEqual(statuses.sort(), [200, 401, 401, 401])
  })

  test(`${adapter.name}: RFC 9449 section 9: a nonce is asked for and then accepted; a full memory is an outage`, async (t) => {
    const key = createDpopKey()
    const nonces = createDpopNonces()
    const app = await startApp(t, adapter, { verifier, dpop: { origin: AUDIENCE, nonces, replay: { maxProofs: 1 } } })
    const token = issuer.token({ audience: AUDIENCE, dpop: key })
    const send = (nonce?: string) => {
      const proof = key.proof({ method: 'GET', url: `${AUDIENCE}/orders`, accessToken: token, ...(nonce && { nonce }) })
      return app.send({ headers: ['Authorization', `DPoP ${token}`, 'DPoP', proof] })
    }
    for (const wrong of [undefined, 'other']) {
      refused(await send(wrong), 'nonce', [
        ['www-authenticate', 'DPoP realm="api", error="use_dpop_nonce", algs="ES256 Ed25519"'],
        ['dpop-nonce', nonces.current()],
      ])
    }
    assert.equal((await send(nonces.current())).status, 200)
    refused(await send(nonces.current()), 'unavailable', [['retry-after', '5']])
  })

  test(`${adapter.name}: T39: plain tokens are refused where a sender constraint is required`, async (t) => {
    const app = await startApp(t, adapter, { verifier, scopes, senderConstraint: 'required' })
    refused(await app.send({ headers: bearer(good) }), 'invalid', [
      ['www-authenticate', 'Bearer realm="api", error="invalid_token"'],
    ])
  })

  test(`${adapter.name}: RFC 8705: certificate-bound tokens need that certificate, on this connection`, async (t) => {
    const [server, client, thief, proxy] = ['localhost', 'client', 'thief', 'proxy'].map(selfSign) as [
      Pem,
      Pem,
      Pem,
      Pem,
    ]
    const der = (pem: Pem) => new X509Certificate(pem.cert).raw
    const header = (pem: Pem) => ['Client-Cert', `:${der(pem).toString('base64')}:`]
    const token = issuer.token({ audience: AUDIENCE, scopes, certificate: der(client) })
    const headers = bearer(token)
    const invalid: [string, string][] = [['www-authenticate', 'Bearer realm="api", error="invalid_token"']]
    const app = await startApp(t, adapter, { verifier, scopes, senderConstraint: 'required' }, server)
    refused(await app.send({ headers }), 'invalid', invalid)
    refused(await app.send({ headers, certificate: thief }), 'invalid', invalid)
    // Without configuration nobody may name a certificate.
    refused(await app.send({ headers: [...headers, ...header(client)] }), 'invalid', invalid)
    refused(await app.send({ headers: [...headers, ...header(client)], certificate: thief }), 'invalid', invalid)
    const answer = await app.send({ headers, certificate: client })
    if (adapter.seesConnection) {
      assert.equal(answer.status, 200, answer.body)
      const { confirmation } = JSON.parse(answer.body) as { confirmation: object }
      assert.deepEqual(Object.keys(confirmation), ['x5tS256'])
    } else refused(answer, 'invalid', invalid)
    refused(await app.send({ headers: bearer(good), certificate: client }), 'invalid', invalid)

    // Behind a proxy: its header only, never the certificate of the connection, which is the proxy's.
    const behind = await startApp(t, adapter, { verifier, scopes, clientCertificate: { header: true } }, server)
    refused(await behind.send({ headers, certificate: client }), 'invalid', invalid)
    refused(await behind.send({ headers: [...headers, ...header(thief)], certificate: proxy }), 'invalid', invalid)
    for (const wrong of [
      [...header(client), ...header(client)],
      ['Client-Cert', der(client).toString('base64')],
      ['Client-Cert', `:${der(client).toString('base64')}:;a=1`],
      ['Client-Cert', `:${der(client).toString('base64').slice(0, -4)}:`],
      ['Client-Cert', ''],
    ]) {
      refused(await behind.send({ headers: [...headers, ...wrong], certificate: proxy }), 'invalid', invalid)
    }
    assert.equal((await behind.send({ headers: [...headers, ...header(client)], certificate: proxy })).status, 200)
    // A token that is bound both ways needs both.
    const key = createDpopKey()
    const both = issuer.token({ audience: AUDIENCE, scopes, certificate: der(client), dpop: key })
    const strict = await startApp(t, adapter, {
      verifier,
      scopes,
      dpop: { origin: AUDIENCE },
      clientCertificate: { header: true },
    })
    const proof = () => key.proof({ method: 'GET', url: `${AUDIENCE}/orders`, accessToken: both })
    const withProof = () => ['Authorization', `DPoP ${both}`, 'DPoP', proof()]
    assert.equal((await strict.send({ headers: withProof() })).status, 401)
    assert.equal((await strict.send({ headers: [...bearer(both), ...header(client)] })).status, 401)
    assert.equal((await strict.send({ headers: [...withProof(), ...header(thief)] })).status, 401)
    assert.equal((await strict.send({ headers: [...withProof(), ...header(client)] })).status, 200)
  })

  test(`${adapter.name}: RFC 9728: the metadata document is where its URL says`, async (t) => {
    const app = await startApp(t, adapter, { verifier })
    const answer = await app.send({ path: '/.well-known/oauth-protected-resource/v1' })
    assert.equal(answer.status, 200)
    assert.deepEqual(JSON.parse(answer.body), {
      resource: RESOURCE,
      authorization_servers: ['https://sts.acme.example'],
      bearer_methods_supported: ['header'],
    })
    assert.match(answer.headers.find(([name]) => name === 'content-type')?.[1] ?? '', /^application\/json/)
  })
}

type Pem = ReturnType<typeof selfSign>
