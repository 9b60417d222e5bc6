import assert from 'node:assert/strict'
import { createConnection, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { ALL_SCOPES, apiDependencies, FULL_TOKEN, ISSUER, policyDocument } from '../../../../test/support/api.ts'
import { API_OPERATIONS, createApiRoutes } from './api/index.ts'
import { createApp } from './app.ts'
import type { HttpRoute } from './context.ts'
import { DEFAULT_LIMITS, type Listener, type ListenerLimits, listen } from './listen.ts'

const listeners: Listener[] = []
after(async () => {
  for (const listener of listeners) await listener.stop(0)
})

async function start(
  routes: readonly HttpRoute[],
  limits: Partial<ListenerLimits> = {},
): Promise<Listener & { port: number }> {
  const app = createApp({ now: () => new Date(), log: { error: () => {} }, issuer: ISSUER, routes })
  const listener = await listen({ app, issuer: ISSUER, name: 'tcp', address: { host: '127.0.0.1', port: 0 }, limits })
  listeners.push(listener)
  return { ...listener, port: listener.port ?? assert.fail('no port') }
}

/** Sends bytes as they are and collects what comes until the connection ends. */
function raw(port: number, text: string, keepOpen = false): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(received))
    socket.on('error', () => resolve(received))
    socket.write(text, 'latin1')
    if (!keepOpen) socket.end()
  })
}

const apiRoutes = createApiRoutes(apiDependencies())
const answering: HttpRoute = { method: 'GET', path: '/hello', respond: (c) => c.json({ hello: 'world' }) }

function request(head: string, body = ''): string {
  return `${head}\r\nConnection: close\r\n\r\n${body}`
}

describe('over TCP', () => {
  test('the API answers as without a port: create, read, delete', async () => {
    const { port } = await start(apiRoutes)
    const base = `http://127.0.0.1:${port}/v1/trust-policies`
    const headers = { authorization: `Bearer ${FULL_TOKEN}`, 'content-type': 'application/json' }
    const created = await fetch(base, {
      method: 'POST',
      headers,
      body: JSON.stringify({ document: policyDocument('a') }),
    })
    assert.equal(created.status, 201)
    const path = `http://127.0.0.1:${port}${created.headers.get('location')}`
    assert.equal((await fetch(path, { headers })).headers.get('etag'), '"1"')
    assert.equal((await fetch(path, { method: 'DELETE', headers })).status, 204)
    assert.equal((await fetch(path, { headers })).status, 404)
    assert.equal(
      await (await fetch(`http://127.0.0.1:${port}/v1/audit/export`, { headers })).text(),
      '{"line":1}\n{"line":2}\n',
    )
  })
  test('TCP is never the local socket, whatever the headers say', async () => {
    const { port } = await start(apiRoutes)
    for (const header of ['X-Listener: local-socket', 'Forwarded: for=unix', 'Host: local-socket']) {
      const host = header.startsWith('Host') ? '' : 'Host: x\r\n'
      const answer = await raw(port, request(`GET /v1/whoami HTTP/1.1\r\n${host}${header}`))
      assert.match(answer, /^HTTP\/1\.1 401 /)
      assert.match(answer, /www-authenticate: Bearer\r\n/i)
    }
  })
  test('a body above the limit is refused while it is still coming in (W-11)', async () => {
    const { port } = await start(apiRoutes)
    const head = `POST /v1/trust-policies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${FULL_TOKEN}\r\nContent-Type: application/json`
    // 70,000 bytes in one chunk of a body that never ends.
    const chunk = `${(70_000).toString(16)}\r\n${'x'.repeat(70_000)}\r\n`
    assert.match(await raw(port, `${head}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`, true), /^HTTP\/1\.1 413 /)
    assert.match(await raw(port, `${head}\r\nContent-Length: 65537\r\n\r\n`, true), /^HTTP\/1\.1 413 /)
  })
  test('a body that ends early changes nothing', async () => {
    const deps = apiDependencies()
    const { port } = await start(createApiRoutes(deps))
    const document = JSON.stringify({ document: policyDocument('half') })
    const head = `POST /v1/trust-policies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${FULL_TOKEN}\r\nContent-Type: application/json`
    await raw(port, `${head}\r\nContent-Length: ${document.length + 1}\r\n\r\n${document}`)
    assert.deepEqual(await deps.administration.export(), [])
  })
})

describe('malformed HTTP', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['no Host header', 'GET /hello HTTP/1.1'],
    ['a Host with a path', 'GET /hello HTTP/1.1\r\nHost: a/b'],
    ['a Host with credentials', 'GET /hello HTTP/1.1\r\nHost: user@evil.example'],
    ['a target that is no path', 'GET hello HTTP/1.1\r\nHost: x'],
    ['a backslash in the target', 'GET /\\evil.example HTTP/1.1\r\nHost: x'],
    ['an unknown method', 'BREW /hello HTTP/1.1\r\nHost: x'],
    [
      'both lengths (request smuggling)',
      'POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked',
    ],
    ['two lengths', 'POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5'],
    ['a negative length', 'POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: -1'],
    ['a folded header', 'GET /hello HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b: c'],
    ['a space before the colon', 'GET /hello HTTP/1.1\r\nHost : x'],
    ['NUL in a header', 'GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: aaaaaaaa\0b'],
    ['a bare CR in a header', 'GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: aaaaaaaa\rSet-Cookie: a'],
    [
      'more headers than are read',
      `GET /hello HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 80 }, (_, i) => `X-${i}: a`).join('\r\n')}`,
    ],
    ['a header block above the limit', `GET /hello HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(30_000)}`],
    ['not HTTP at all', '\x16\x03\x01\x02\x00\x01'],
  ]
  for (const [name, head] of cases) {
    test(`${name} is refused with a 4xx, without a stack trace`, async () => {
      const { port } = await start([answering])
      const answer = await raw(port, request(head))
      assert.match(answer, /^HTTP\/1\.1 4\d\d /)
      assert.ok(!/\n\s+at |node:|\.ts|evil/.test(answer), answer)
    })
  }
  for (const method of ['TRACE', 'OPTIONS', 'PROPFIND', 'PUT', 'CONNECT']) {
    test(`${method} does not get through, nor does it hurt the server`, async () => {
      const { port } = await start([answering])
      const answer = await raw(port, request(`${method} /hello HTTP/1.1\r\nHost: x`))
      if (method === 'CONNECT') assert.ok(answer === '' || /^HTTP\/1\.1 4/.test(answer))
      else assert.match(answer, /^HTTP\/1\.1 405 /)
      assert.equal((await fetch(`http://127.0.0.1:${port}/hello`)).status, 200)
    })
  }
  test('a request id cannot add a header or a line', async () => {
    const { port } = await start([answering])
    for (const id of ['aaaaaaaa%0d%0aX-Evil: 1', 'aaaaaaaa\tb', 'a'.repeat(200), 'aaaaaaaa\x1b[31m']) {
      const answer = await raw(port, request(`GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}`))
      // Node itself refuses control characters; what it lets through is replaced.
      if (!answer.startsWith('HTTP/1.1 400')) assert.match(answer, /\r\nx-request-id: req_[0-9a-z]{26}\r\n/i)
      assert.ok(!/x-evil/i.test(answer))
    }
  })
  test('an upgrade is not taken up', async () => {
    const { port } = await start([answering])
    const answer = await raw(port, request('GET /hello HTTP/1.1\r\nHost: x\r\nUpgrade: websocket'))
    assert.ok(!answer.startsWith('HTTP/1.1 101'))
  })
})

describe('slow clients (R-19)', () => {
  const limits = { headersTimeoutMs: 300, requestTimeoutMs: 600, keepAliveTimeoutMs: 300, idleTimeoutMs: 900 }
  const ended = (socket: Socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const beginnings: readonly (readonly [string, string])[] = [
    ['sends nothing', ''],
    ['never ends its headers', 'GET /hello HTTP/1.1\r\nHost: x\r\n'],
    [
      'never sends its body',
      'POST /v1/lint HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n',
    ],
    ['keeps an idle connection', 'GET /hello HTTP/1.1\r\nHost: x\r\n\r\n'],
  ]
  test('a request that waits as long as one may is not taken for an idle connection', async () => {
    const accepts = (seconds: number) =>
      API_OPERATIONS.some(({ body }) => body?.safeParse({ ...revocation, wait_seconds: seconds }).success === true)
    const revocation = { kind: 'jti', value: 'jti_1', reason: 'leaked' }
    assert.equal(accepts(60), true)
    assert.equal(accepts(DEFAULT_LIMITS.idleTimeoutMs / 1_000 - 15), false)
  })

  for (const [name, text] of beginnings) {
    test(`a client that ${name} is cut off, others are served`, async () => {
      const { port } = await start([answering, ...apiRoutes], limits)
      const slow = Array.from({ length: 50 }, () => createConnection({ host: '127.0.0.1', port }))
      for (const socket of slow) {
        socket.on('error', () => {})
        socket.resume()
        if (text !== '') socket.write(text)
      }
      assert.equal((await fetch(`http://127.0.0.1:${port}/hello`)).status, 200)
      await Promise.all(slow.map(ended))
    })
  }
  test('a client that drips its headers byte by byte is cut off', { timeout: 5_000 }, async () => {
    // Only the headers' own limit can end it in time.
    const { port } = await start([answering], { ...DEFAULT_LIMITS, headersTimeoutMs: 300 })
    const socket = createConnection({ host: '127.0.0.1', port })
    socket.on('error', () => {})
    socket.resume()
    const drip = setInterval(() => socket.write('X'), 50)
    socket.write('GET /hello HTTP/1.1\r\nHost: x\r\nX-')
    await ended(socket)
    clearInterval(drip)
  })
  test('connections above the limit are closed', async () => {
    const { port } = await start([answering], { maxConnections: 2 })
    const held = [1, 2].map(() => createConnection({ host: '127.0.0.1', port }))
    await Promise.all(held.map((socket) => new Promise<void>((resolve) => socket.once('connect', () => resolve()))))
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(await raw(port, request('GET /hello HTTP/1.1\r\nHost: x')), '')
    for (const socket of held) socket.destroy()
  })
})

describe('stopping', () => {
  function gate() {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    let enter = () => {}
    const entered = new Promise<void>((resolve) => {
      enter = resolve
    })
    const route: HttpRoute = {
      method: 'GET',
      path: '/wait',
      respond: async (c) => {
        enter()
        await opened
        return c.json({ done: true })
      },
    }
    return { open, entered, route }
  }
  test('finishes what is in flight, takes nothing new, and ends idle connections', { timeout: 5_000 }, async () => {
    const { open, entered, route } = gate()
    const { port, stop } = await start([route, answering], { keepAliveTimeoutMs: 60_000, idleTimeoutMs: 60_000 })
    const idle = createConnection({ host: '127.0.0.1', port })
    idle.resume()
    const flight = fetch(`http://127.0.0.1:${port}/wait`)
    await entered
    const stopped = stop()
    await assert.rejects(fetch(`http://127.0.0.1:${port}/hello`))
    open()
    assert.deepEqual(await (await flight).json(), { done: true })
    await stopped
    await stop()
  })
  test('cuts what does not finish in time', async () => {
    const { entered, route } = gate()
    const { port, stop } = await start([route])
    const flight = assert.rejects(fetch(`http://127.0.0.1:${port}/wait`))
    await entered
    await stop(100)
    await flight
  })
  test('a port that is taken is an error of its own, not a hang', async () => {
    const { port } = await start([answering])
    const app = createApp({ now: () => new Date(), log: { error: () => {} }, issuer: ISSUER, routes: [answering] })
    await assert.rejects(listen({ app, issuer: ISSUER, name: 'tcp', address: { host: '127.0.0.1', port } }), {
      code: 'EADDRINUSE',
    })
  })
})

test('the scopes of the test are those of the table', () => assert.ok(ALL_SCOPES.size > 10))
