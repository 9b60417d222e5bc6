import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { isCountersignError } from '../errors.ts'
import { type FetchOptions, fetchJson } from './fetch-json.ts'
import { selfSign, startIssuer } from './issuer-server.fixture.ts'
import { parseFetchUrl } from './url.ts'

const RULES = { allowedOrigins: [], allowPrivateNetwork: false, allowLoopbackHttp: true }
const local = (url: string) => parseFetchUrl(url, RULES)
// Generous, so that a busy machine fails no test; the tests of the limits themselves are hasty.
const options: FetchOptions = { maxBytes: 1000, connectTimeoutMs: 20_000, totalTimeoutMs: 20_000 }
const hasty: FetchOptions = { maxBytes: 1000, connectTimeoutMs: 300, totalTimeoutMs: 300 }

test('J-02: a host with one forbidden address among many is refused and never connected to', async (t) => {
  const server = await startIssuer(t)
  const { port } = new URL(server.issuer)
  const strict = { ...RULES, allowLoopbackHttp: false, allowedOrigins: [`https://issuer.example:${port}`] }
  const target = parseFetchUrl(`https://issuer.example:${port}/x`, strict)
  for (const address of [
    '127.0.0.1',
    '::1',
    '10.0.0.1',
    '169.254.169.254',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    'fe80::1',
    '0.0.0.0',
    'not an address',
  ]) {
    for (const addresses of [[address], ['198.41.0.4', address], [address, '198.41.0.4']]) {
      const lookup = async () => addresses.map((one) => ({ address: one, family: one.includes(':') ? 6 : 4 }))
      await assert.rejects(fetchJson(target, { ...options, lookup }), { code: 'address_refused' }, address)
    }
  }
  assert.equal(server.connections, 0)
})

test('J-02: literal addresses are judged by the same rule', async (t) => {
  const server = await startIssuer(t)
  for (const url of [
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://169.254.169.254/latest',
    'https://10.0.0.1/x',
    'https://[fd00:ec2::254]/x',
    'https://0.0.0.0/x',
  ]) {
    await assert.rejects(fetchJson(local(url), options), { code: 'address_refused' }, url)
  }
  const own = { ...RULES, allowPrivateNetwork: true }
  for (const url of ['https://169.254.169.254/latest', 'https://[fd00:ec2::254]/x', 'https://168.63.129.16/x']) {
    await assert.rejects(fetchJson(parseFetchUrl(url, own), options), { code: 'address_refused' }, url)
  }
  assert.equal(server.connections, 0)
})

test('J-02: http on loopback stays on loopback whatever the resolver says', async () => {
  const lookup = async () => [{ address: '10.0.0.1', family: 4 }]
  await assert.rejects(fetchJson(local('http://localhost:9/x'), { ...options, lookup }), { code: 'address_refused' })
})

test('J-02: a resolver is asked once, and only the checked address is connected to (rebinding)', async (t) => {
  const good = await startIssuer(t)
  const { port } = new URL(good.issuer)
  let asked = 0
  const lookup = async () => [{ address: asked++ === 0 ? '127.0.0.1' : '169.254.169.254', family: 4 }]
  await fetchJson(local(`http://localhost:${port}/.well-known/openid-configuration`), { ...options, lookup })
  assert.equal(asked, 1)
  assert.equal(good.connections, 1)
})

test('J-04: redirects are not followed', async (t) => {
  const server = await startIssuer(t)
  for (const status of [301, 302, 303, 307, 308, 300, 304]) {
    server.intercept = (_request, response) => {
      response.writeHead(status, { location: `${server.issuer}/jwks` }).end()
      return true
    }
    await assert.rejects(fetchJson(local(`${server.issuer}/x`), options), { code: 'response_refused' })
  }
  assert.ok(server.requests.every((path) => path === '/x'))
})

test('J-05: a server that hangs, or drips, is left after the total time', async (t) => {
  const server = await startIssuer(t)
  const timers: NodeJS.Timeout[] = []
  t.after(() => timers.forEach(clearInterval))
  server.intercept = () => true
  await assert.rejects(fetchJson(local(`${server.issuer}/hang`), hasty), { code: 'fetch_timeout' })
  server.intercept = (_request, response) => {
    response.setHeader('content-type', 'application/json')
    timers.push(setInterval(() => response.write(' '), 20))
    return true
  }
  await assert.rejects(fetchJson(local(`${server.issuer}/drip`), hasty), { code: 'fetch_timeout' })
  const never = () => new Promise<never>(() => {})
  await assert.rejects(fetchJson(local('http://localhost:9/x'), { ...hasty, lookup: never }), {
    code: 'fetch_timeout',
  })
})

test('J-05: a TLS handshake that never ends is a connection that never stood', async (t) => {
  const { createServer } = await import('node:net')
  const server = createServer(() => {})
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const target = parseFetchUrl(`https://127.0.0.1:${port}/`, { ...RULES, allowPrivateNetwork: true })
  await assert.rejects(fetchJson(target, { ...options, connectTimeoutMs: 100 }), {
    code: 'fetch_timeout',
  })
})

test('J-06: bodies over the limit are cut, said beforehand or not, and nothing is decompressed', async (t) => {
  const server = await startIssuer(t)
  let sent = 0
  server.intercept = (request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/said') response.setHeader('content-length', 10_000_000)
    if (request.url === '/gzip') {
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(`{"a":"${'x'.repeat(5_000_000)}"}`))
      return true
    }
    const push = () => {
      while (!response.destroyed && sent < 50_000_000 && response.write('x'.repeat(65_536))) sent += 65_536
    }
    response.on('drain', push)
    push()
    return true
  }
  for (const path of ['/said', '/endless', '/gzip']) {
    await assert.rejects(
      fetchJson(local(`${server.issuer}${path}`), { ...options }),
      { code: 'response_refused' },
      path,
    )
  }
  assert.ok(sent < 50_000_000)
})

test('J-07: only a complete JSON object with a JSON content type and status 200 is taken', async (t) => {
  const server = await startIssuer(t)
  const answers: [number, string | undefined, string][] = [
    [200, 'text/html', '{}'],
    [200, 'application/javascript', '{}'],
    [200, 'text/json', '{}'],
    [200, 'application/jsonp', '{}'],
    [200, undefined, '{}'],
    [200, 'application/json', ''],
    [200, 'application/json', '[]'],
    [200, 'application/json', '{"a":1,"a":2}'],
    [200, 'application/json', '\ufeff{}'],
    [200, 'application/json', '<html>c4n4ry</html>'],
    [200, 'application/json', `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`],
    [201, 'application/json', '{}'],
    [204, 'application/json', ''],
    [404, 'application/json', '{"c4n4ry":1}'],
    [500, 'application/json', '{}'],
    [503, 'application/json', '{}'],
  ]
  for (const [status, type, body] of answers) {
    server.intercept = (_request, response) => {
      response.writeHead(status, type === undefined ? {} : { 'content-type': type }).end(body)
      return true
    }
    const error: unknown = await fetchJson(local(`${server.issuer}/x`), options).catch((caught: unknown) => caught)
    assert.ok(isCountersignError(error, 'response_refused'), `${status} ${type} ${body}`)
    // T6: what was fetched never comes back out.
    assert.doesNotMatch(inspect(error, { depth: 9 }), /c4n4ry/)
  }
  for (const type of ['application/json', 'application/jwk-set+json; charset=utf-8', 'Application/JSON;x=y']) {
    server.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': type }).end('{"a":1}')
      return true
    }
    assert.deepEqual(await fetchJson(local(`${server.issuer}/x`), options), { a: 1 })
  }
})

test('J-11: truncated bodies, broken connections and no server at all are typed failures', async (t) => {
  const server = await startIssuer(t)
  server.intercept = (request, response) => {
    if (request.url === '/reset') request.socket.destroy()
    else if (request.url === '/garbage') request.socket.end('not HTTP at all\r\n\r\n')
    else {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
      response.write('{"a":1}')
      setImmediate(() => request.socket.destroy())
    }
    return true
  }
  for (const path of ['/reset', '/garbage', '/truncated']) {
    const error: unknown = await fetchJson(local(`${server.issuer}${path}`), options).catch((caught: unknown) => caught)
    assert.ok(isCountersignError(error), path)
    assert.ok(error.retryable)
  }
  await assert.rejects(fetchJson(local('http://127.0.0.1:1/x'), options), { code: 'fetch_failed' })
  const lookup = async () => {
    throw new Error('ENOTFOUND')
  }
  await assert.rejects(fetchJson(local('http://localhost:9/x'), { ...options, lookup }), { code: 'fetch_failed' })
  await assert.rejects(fetchJson(local('http://localhost:9/x'), { ...options, lookup: async () => [] }), {
    code: 'fetch_failed',
  })
})

test('J-12: TLS is verified, against the given authority only, whatever the environment says', async (t) => {
  const tls = selfSign('issuer.example')
  const server = await startIssuer(t, { tls, host: 'issuer.example' })
  const rules = { ...RULES, allowPrivateNetwork: true }
  const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
  const url = `${server.issuer}/.well-known/openid-configuration`
  const document = await fetchJson(parseFetchUrl(url, rules), { ...options, lookup, ca: tls.cert })
  assert.equal(document['issuer'], server.issuer)
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  t.after(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  })
  const otherName = url.replace('issuer.example', 'other.example')
  for (const setting of ['1', '0']) {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = setting
    await assert.rejects(fetchJson(parseFetchUrl(url, rules), { ...options, lookup }), { code: 'fetch_failed' })
    await assert.rejects(fetchJson(parseFetchUrl(otherName, rules), { ...options, lookup, ca: tls.cert }), {
      code: 'fetch_failed',
    })
    await assert.rejects(
      fetchJson(parseFetchUrl(url, rules), { ...options, lookup, ca: selfSign('issuer.example').cert }),
      { code: 'fetch_failed' },
    )
  }
  assert.equal(server.requests.length, 1)
})

test('J-13: no cookies, no credentials, no proxy, one plain GET', async (t) => {
  const server = await startIssuer(t)
  let seen: NodeJS.Dict<string | string[]> = {}
  server.intercept = (request, response) => {
    seen = request.headers
    assert.equal(request.method, 'GET')
    response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' }).end('{}')
    return true
  }
  for (let i = 0; i < 2; i++) await fetchJson(local(`${server.issuer}/x`), options)
  assert.deepEqual(Object.keys(seen).sort(), ['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
  assert.equal(seen['accept-encoding'], 'identity')
})

test('a fetch that is ended from outside settles at once', async (t) => {
  const server = await startIssuer(t)
  server.intercept = () => true
  const ending = new AbortController()
  const fetching = fetchJson(local(`${server.issuer}/x`), { ...options, signal: ending.signal })
  setTimeout(() => ending.abort(), 20)
  await assert.rejects(fetching, { code: 'fetch_failed' })
  await assert.rejects(fetchJson(local(`${server.issuer}/x`), { ...options, signal: ending.signal }), {
    code: 'fetch_failed',
  })
})
