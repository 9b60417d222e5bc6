import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  apiDependencies,
  createApiUnderTest,
  policyDocument,
  type Send,
  tokenFor,
} from '../../../../../../test/support/api.ts'
import { ServiceError } from '../../../errors.ts'

const POLICIES = '/v1/trust-policies'

async function withPolicy(name = 'deploy-orders') {
  const api = createApiUnderTest()
  const created = await api.send('POST', POLICIES, { body: { document: policyDocument(name) } })
  assert.equal(created.status, 201)
  const resource = (await created.json()) as { id: string; revision: number }
  return { ...api, resource, path: `${POLICIES}/${resource.id}`, created }
}

async function codeOf(response: Response): Promise<string> {
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  return ((await response.json()) as { code: string }).code
}

describe('400', () => {
  const bodies: readonly (readonly [string, Send])[] = [
    ['no body', {}],
    ['an empty object', { body: {} }],
    ['an array', { body: [] }],
    ['a document that is a string', { body: { document: 'x' } }],
    ['a member that does not exist', { body: { document: policyDocument('a'), dry_run: true } }],
    ['broken JSON', { raw: '{"document":' }],
    ['a duplicate member', { raw: '{"document":{"kind":"TrustPolicy","kind":"Service"}}' }],
    ['a member named __proto__', { raw: '{"document":{"__proto__":{}}}' }],
    ['JSON deeper than 16 levels', { raw: `{"document":${'['.repeat(17)}${']'.repeat(17)}}` }],
    ['a byte order mark', { raw: '\ufeff{"document":{}}' }],
    ['bytes that are not UTF-8', { raw: new Uint8Array([0x22, 0xff, 0x22]) }],
    ['U+0000 in a string', { raw: '{"document":{"kind":"a\\u0000"}}' }],
    ['a lone surrogate', { raw: '{"document":{"kind":"\\ud800"}}' }],
    ['a document of another kind than the path', { body: { document: { ...policyDocument('a'), kind: 'Service' } } }],
    ['an allow_widening that is no hash', { body: { document: policyDocument('a'), allow_widening: 'x y' } }],
    ['faults that the domain finds', { body: { document: { kind: 'TrustPolicy' } } }],
    [
      'an Idempotency-Key with a space',
      { body: { document: policyDocument('a') }, headers: { 'idempotency-key': 'a b' } },
    ],
  ]
  for (const [name, send] of bodies) {
    test(`create refuses ${name}`, async () => {
      const response = await createApiUnderTest().send('POST', POLICIES, send)
      assert.equal(response.status, 400)
      assert.equal(await codeOf(response), 'validation_failed')
    })
  }
  const queries = [
    'limit=0',
    'limit=201',
    'limit=1.5',
    'limit=abc',
    'limit=',
    'limit=10&limit=20',
    'after=%00',
    'after=e30',
    'after=not~base64',
    'owner=%ED%A0%80',
    'access_token=x',
    'offset=10',
    '__proto__=1',
  ]
  for (const query of queries) {
    test(`list refuses ?${query}`, async () => {
      const response = await createApiUnderTest().send('GET', `${POLICIES}?${query}`)
      // %ED%A0%80 is decoded with replacement characters, which is a name that nobody has.
      assert.equal(response.status, query.startsWith('owner=') ? 200 : 400)
    })
  }
  for (const header of ['12', '"12', 'W/12', '""12""', '"a" "b"', Array(20).fill('"1"').join(',')]) {
    test(`replace refuses the If-Match ${header.slice(0, 12)}`, async () => {
      const { send, path } = await withPolicy()
      const response = await send('PUT', path, {
        body: { document: policyDocument('x') },
        headers: { 'if-match': header },
      })
      assert.equal(response.status, 400)
    })
  }
  test('each fault of the envelope is named with its pointer, and no value is quoted', async () => {
    const canary = 'canary-5ecret-value'
    const response = await createApiUnderTest().send('POST', POLICIES, { body: { document: canary, other: canary } })
    const text = await response.text()
    assert.ok(!text.includes(canary))
    const { errors } = JSON.parse(text) as { errors: { pointer: string }[] }
    assert.deepEqual(errors.map(({ pointer }) => pointer).sort(), ['/document', '/other'])
  })
  test('enable takes no body', async () => {
    const { send, path } = await withPolicy()
    assert.equal((await send('POST', `${path}/enable`, { body: { enabled: false } })).status, 400)
  })
})

describe('401, 403 and 404', () => {
  test('without a token: 401, a challenge without an error code (RFC 6750 section 3.1)', async () => {
    const { send, path } = await withPolicy()
    for (const [method, target] of [
      ['GET', POLICIES],
      ['GET', path],
      ['POST', POLICIES],
      ['DELETE', path],
    ] as const) {
      const response = await send(method, target, { token: null, body: method === 'GET' ? undefined : {} })
      assert.equal(response.status, 401)
      assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    }
  })
  test('with an invalid token: 401 invalid_token', async () => {
    const response = await createApiUnderTest().send('GET', POLICIES, { token: 'stale' })
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
  })
  test('without the scope: 403 that names it', async () => {
    const response = await createApiUnderTest().send('POST', POLICIES, {
      token: tokenFor('trust-policies:read'),
      body: { document: policyDocument('a') },
    })
    assert.equal(response.status, 403)
    const problem = (await response.json()) as { code: string; scope: string }
    assert.equal(problem.code, 'forbidden')
    assert.equal(problem.scope, 'trust-policies:write')
  })
  for (const [method, suffix] of [
    ['GET', ''],
    ['PUT', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/enable'],
    ['POST', '/restore'],
  ] as const) {
    test(`${method} ...${suffix} of what does not exist: 404`, async () => {
      for (const key of ['pol_none', 'a%2Fb', '%00', '..%2f..', '-x', 'x'.repeat(200), '%F0%9F%92%A9']) {
        const body = method === 'PUT' || method === 'PATCH' ? { document: policyDocument('x') } : undefined
        const response = await createApiUnderTest().send(method, `${POLICIES}/${key}${suffix}`, { body })
        assert.equal(response.status, 404, key)
        assert.equal(await codeOf(response), 'not_found')
      }
    })
  }
  test('an id of one kind is not found under another', async () => {
    const { send, resource } = await withPolicy()
    assert.equal((await send('GET', `/v1/services/${resource.id}`)).status, 404)
  })
})

describe('409, 412, 413, 415, 422', () => {
  test('creating a name that is taken: 409', async () => {
    const { send } = await withPolicy('a')
    assert.equal((await send('POST', POLICIES, { body: { document: policyDocument('a') } })).status, 409)
  })
  for (const tag of ['"999"', 'W/"1"', '"abc"', '"998", "999"', '""', '"01e0"']) {
    for (const method of ['PUT', 'PATCH', 'DELETE'] as const) {
      test(`${method} with If-Match ${tag}: 412, nothing changed (W-10)`, async () => {
        const { send, path } = await withPolicy()
        const body = method === 'DELETE' ? undefined : { document: policyDocument('other') }
        const response = await send(method, path, { body, headers: { 'if-match': tag } })
        assert.equal(response.status, 412)
        assert.equal(await codeOf(response), 'precondition_failed')
        assert.equal((await send('GET', path)).headers.get('etag'), '"1"')
      })
    }
  }
  for (const tag of ['"1"', '*', '"7", "1"', ' "1" ']) {
    test(`PUT with If-Match ${tag} goes through`, async () => {
      const { send, path } = await withPolicy()
      const response = await send('PUT', path, {
        body: { document: policyDocument('deploy-orders') },
        headers: { 'if-match': tag },
      })
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('etag'), '"2"')
    })
  }
  test('a document above 64 KiB: 413, by its declared length and by counting', async () => {
    const big = JSON.stringify({ document: policyDocument('a', { filler: 'x'.repeat(64 * 1024) }) })
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(big))
        controller.close()
      },
    })
    const api = createApiUnderTest()
    for (const send of [{ raw: big }, { raw: big, headers: { 'content-length': String(big.length) } }]) {
      const response = await api.send('POST', POLICIES, send)
      assert.equal(response.status, 413)
      assert.equal(response.headers.get('connection'), 'close')
    }
    const request = new Request(`https://sts.acme.example${POLICIES}`, {
      method: 'POST',
      headers: { authorization: 'Bearer test..x', 'content-type': 'application/json' },
      body: chunked,
      duplex: 'half',
    } as RequestInit)
    request.headers.set('authorization', `Bearer ${tokenFor('trust-policies:write')}`)
    assert.equal((await api.app.request(request)).status, 413)
  })
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'application/json; charset=utf-16',
    '',
    'application/json, text/plain',
  ]) {
    test(`POST, PUT, PATCH with Content-Type "${type}": 415 (W-04)`, async () => {
      const { send, path } = await withPolicy()
      for (const [method, target] of [
        ['POST', POLICIES],
        ['PUT', path],
        ['PATCH', path],
        ['POST', `${path}/disable`],
        ['DELETE', path],
      ] as const) {
        const response = await send(method, target, { body: { document: {} }, headers: { 'content-type': type } })
        assert.equal(response.status, 415, method)
      }
    })
  }
  test('a compressed body: 415', async () => {
    const response = await createApiUnderTest().send('POST', POLICIES, {
      body: {},
      headers: { 'content-encoding': 'gzip' },
    })
    assert.equal(response.status, 415)
  })
  test('an Idempotency-Key used for another request: 422', async () => {
    const { send } = createApiUnderTest()
    const headers = { 'idempotency-key': 'deploy-1' }
    assert.equal((await send('POST', POLICIES, { body: { document: policyDocument('a') }, headers })).status, 201)
    const response = await send('POST', POLICIES, { body: { document: policyDocument('b') }, headers })
    assert.equal(response.status, 422)
    assert.equal(await codeOf(response), 'idempotency_mismatch')
  })
})

describe('503 and 500', () => {
  const broken = (error: Error) => {
    const administration = apiDependencies().administration
    return createApiUnderTest({ administration: { ...administration, list: async () => Promise.reject(error) } })
  }
  test('a store that does not answer: 503 with Retry-After, logged under the request id', async () => {
    const api = broken(new ServiceError('store_unavailable', { internal: 'connection refused' }))
    const response = await api.send('GET', POLICIES, { headers: { 'x-request-id': 'trace-0001' } })
    assert.equal(response.status, 503)
    assert.match(response.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/)
    assert.ok(!(await response.text()).includes('connection refused'))
    assert.equal(api.logged[0]?.request_id, 'trace-0001')
    assert.equal(api.logged[0]?.internal, 'connection refused')
  })
  test('an unexpected error: 500 without its message, its stack, or its message in the log (invariant 5)', async () => {
    const canary = 'canary-eyJhbGciOi'
    const api = broken(new TypeError(`cannot read ${canary}`, { cause: new Error(canary) }))
    const response = await api.send('GET', POLICIES)
    assert.equal(response.status, 500)
    const text = await response.text()
    assert.ok(!text.includes(canary) && !text.includes('at '), text)
    const line = JSON.stringify(api.logged)
    assert.ok(!line.includes(canary))
    assert.match(line, /documents\.test\.ts/)
  })
})

describe('what works', () => {
  test('create answers 201 with Location, ETag and the envelope in snake_case', async () => {
    const { created, resource, send } = await withPolicy()
    assert.equal(created.headers.get('location'), `${POLICIES}/${resource.id}`)
    assert.equal(created.headers.get('etag'), '"1"')
    const read = await send('GET', `${POLICIES}/deploy-orders`)
    assert.deepEqual(await read.json(), {
      id: resource.id,
      kind: 'TrustPolicy',
      name: 'deploy-orders',
      revision: 1,
      enabled: true,
      created_at: '2026-11-24T09:04:07.000Z',
      updated_at: '2026-11-24T09:04:07.000Z',
      document: policyDocument('deploy-orders'),
    })
  })
  test('a repeated create with the same Idempotency-Key is answered and not done again (W-10)', async () => {
    const { send } = createApiUnderTest()
    const request = { body: { document: policyDocument('a') }, headers: { 'idempotency-key': 'deploy-1' } }
    const first = await send('POST', POLICIES, request)
    const second = await send('POST', POLICIES, request)
    assert.equal(second.status, 201)
    assert.equal(second.headers.get('idempotent-replay'), 'true')
    assert.equal(second.headers.get('location'), first.headers.get('location'))
    assert.equal(await second.text(), await first.text())
    const list = (await (await send('GET', POLICIES)).json()) as { items: unknown[] }
    assert.equal(list.items.length, 1)
  })
  test('PATCH leaves unnamed members alone, PUT does not (T35)', async () => {
    const { send, path } = await withPolicy()
    const patched = await send('PATCH', path, {
      body: { document: { spec: { mode: 'shadow' } } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    const { document } = (await patched.json()) as { document: { spec: object } }
    assert.deepEqual(document.spec, { provider: 'github-acme', mode: 'shadow' })
    const replaced = await send('PUT', path, { body: { document: policyDocument('deploy-orders') } })
    assert.deepEqual(((await replaced.json()) as typeof patched & { document: { spec: object } }).document.spec, {
      provider: 'github-acme',
    })
  })
  test('disable, enable, delete, restore', async () => {
    const { send, path } = await withPolicy()
    assert.equal(((await (await send('POST', `${path}/disable`)).json()) as { enabled: boolean }).enabled, false)
    assert.equal(
      ((await (await send('POST', `${path}/enable`, { raw: '{}' })).json()) as { enabled: boolean }).enabled,
      true,
    )
    const gone = await send('DELETE', path, { headers: { 'content-type': 'application/json' } })
    assert.equal(gone.status, 204)
    assert.equal(await gone.text(), '')
    assert.equal((await send('GET', path)).status, 404)
    assert.equal((await send('POST', `${path}/restore`)).status, 200)
  })
  test('lists go page by page to the end, and a cursor dies with its filters', async () => {
    const { send } = createApiUnderTest()
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await send('POST', POLICIES, { body: { document: policyDocument(name) } })
    const names: string[] = []
    let next: string | null = null
    do {
      const page = await send('GET', `${POLICIES}?limit=2${next === null ? '' : `&after=${next}`}`)
      const body = (await page.json()) as { items: { name: string }[]; next: string | null }
      names.push(...body.items.map(({ name }) => name))
      if (body.next !== null) {
        assert.equal((await send('GET', `${POLICIES}?limit=2&owner=team:orders&after=${body.next}`)).status, 400)
        assert.equal((await send('GET', `/v1/services?after=${body.next}`)).status, 400)
      }
      next = body.next
    } while (next !== null)
    assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e'])
  })
})
