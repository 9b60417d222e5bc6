import assert from 'node:assert/strict'
import { createConnection } from 'node:net'
import { test } from 'node:test'
import { ServiceError } from '../errors.ts'
import { createApp } from './app.ts'
import { readBody } from './body.ts'
import { type AnswerForm, createDirectRoute } from './direct.ts'
import { listen } from './listen.ts'
import { senderOf } from './sender.ts'

const PATH = '/oauth/token'
const ISSUER = 'https://sts.acme.example'
const now = () => new Date('2026-11-24T09:00:00Z')

/** An endpoint that does what each case asks for, and tells what it was given. */
const answer: AnswerForm = async (request) => {
  const body = Buffer.from(await request.readBody()).toString()
  if (body === 'refuse') throw new ServiceError('invalid_request', { detail: 'as asked' })
  if (body === 'break') throw new Error('a message that must stay inside')
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify({
      body,
      type: request.contentType ?? null,
      forwarded: request.forwardedFor ?? null,
      peer: request.peer,
      sender: [request.dpop ?? null, request.clientCert ?? null, request.authorization ?? null, request.path],
    }),
  }
}

async function startBoth(t: { after(work: () => Promise<void>): void }) {
  const logged: unknown[] = []
  const log = { error: (fields: unknown) => void logged.push(fields) }
  let direct = 0
  const counted: AnswerForm = (request) => {
    direct += 1
    return answer(request)
  }
  const app = createApp({
    now,
    log,
    issuer: ISSUER,
    allowedHosts: ['sts.acme.example'],
    routes: [
      {
        method: 'POST',
        path: PATH,
        async respond(c) {
          const { status, headers, body } = await answer({
            ...senderOf(c),
            contentType: c.req.header('content-type'),
            forwardedFor: c.req.header('x-forwarded-for'),
            authorization: c.req.header('authorization'),
            readBody: () => readBody(c),
          })
          return c.body(body, status as 200, headers)
        },
      },
    ],
  })
  const route = createDirectRoute({
    path: PATH,
    answer: counted,
    issuer: ISSUER,
    allowedHosts: ['sts.acme.example'],
    now,
    log,
  })
  const address = { host: '127.0.0.1', port: 0 }
  const plain = await listen({ app, issuer: ISSUER, name: 'tcp', address })
  const fast = await listen({ app, issuer: ISSUER, name: 'tcp', address, direct: route })
  t.after(() => plain.stop(0))
  t.after(() => fast.stop(0))
  return { plain: plain.port ?? 0, fast: fast.port ?? 0, logged, directCalls: () => direct }
}

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

async function send(port: number, { method = 'POST', path = PATH, headers = {}, body = '' }: Sent) {
  const { request } = await import('node:http')
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: { host: 'sts.acme.example', 'x-request-id': 'same-request-id', ...headers },
      },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        incoming.on('end', () => {
          const { date: _date, ...rest } = incoming.headers
          resolve({ status: incoming.statusCode ?? 0, headers: rest, body: text })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const form = { 'content-type': 'application/x-www-form-urlencoded' }

const cases: Readonly<Record<string, Sent>> = {
  'an answer': { headers: form, body: 'a=b' },
  'a forwarded address': { headers: { ...form, 'x-forwarded-for': '192.0.2.1, 10.0.0.1' }, body: 'a=b' },
  'what says who sends (RFC 9449, RFC 9440)': {
    headers: { ...form, dpop: 'a.b.c', 'client-cert': ':AAAA:', authorization: 'DPoP t' },
    body: 'a=b',
  },
  'empty headers about the sender': { headers: { ...form, dpop: '', 'client-cert': '' }, body: 'a=b' },
  'no content type': { body: 'a=b' },
  'a refusal': { headers: form, body: 'refuse' },
  'a failure inside': { headers: form, body: 'break' },
  'a body above the limit': { headers: form, body: 'x'.repeat(70_000) },
  'a compressed body': { headers: { ...form, 'content-encoding': 'gzip' }, body: 'a=b' },
  'an ill-formed request id': { headers: { ...form, 'x-request-id': 'a b' }, body: 'refuse' },
  'another method': { method: 'GET' },
  'a path with a query': { path: `${PATH}?client-request-id=1`, headers: form, body: 'a=b' },
  'another path': { path: '/oauth/token/', headers: form, body: 'a=b' },
  'a foreign host (W-12)': { headers: { ...form, host: 'evil.example' }, body: 'a=b' },
}

const withoutIds = (text: string) => text.replaceAll(/req_[0-9a-z]{26}/g, 'req_ID')

for (const [name, sent] of Object.entries(cases)) {
  test(`the direct way answers ${name} as every other route does`, async (t) => {
    const { plain, fast } = await startBoth(t)
    const [expected, actual] = [await send(plain, sent), await send(fast, sent)]
    assert.equal(actual.status, expected.status)
    assert.equal(withoutIds(actual.body), withoutIds(expected.body))
    const { 'x-request-id': expectedId, ...expectedHeaders } = expected.headers
    const { 'x-request-id': actualId, ...actualHeaders } = actual.headers
    // Bodies of both ways have a known length, except that the framework leaves it out for some of its own.
    assert.deepEqual({ ...actualHeaders, 'content-length': 0 }, { ...expectedHeaders, 'content-length': 0 })
    assert.equal(withoutIds(String(actualId)), withoutIds(String(expectedId)))
  })
}

test('only POST to the exact path and a host of ours goes the direct way, and no error text leaves it', async (t) => {
  const { fast, directCalls, logged } = await startBoth(t)
  for (const name of ['another method', 'a path with a query', 'another path', 'a foreign host (W-12)']) {
    await send(fast, cases[name] ?? {})
  }
  assert.equal(directCalls(), 0)
  const { status, body } = await send(fast, { headers: form, body: 'break' })
  assert.equal(directCalls(), 1)
  assert.equal(status, 500)
  assert.ok(!body.includes('stay inside'))
  assert.ok(!JSON.stringify(logged).includes('stay inside'))
})

test('two DPoP or Client-Cert headers reach the endpoint as what is no proof and no certificate, on both ways', async (t) => {
  const { plain, fast } = await startBoth(t)
  const lines = ['DPoP: a.b.c', 'Client-Cert: :AAAA:', 'DPoP: d.e.f', 'Client-Cert: :BBBB:']
  const head = [`POST ${PATH} HTTP/1.1`, 'Host: sts.acme.example', `Content-Type: ${form['content-type']}`, ...lines]
  const ask = [...head, 'Content-Length: 3', 'Connection: close', '', 'a=b'].join('\r\n')
  for (const port of [plain, fast]) {
    const text = await sendRaw(port, ask)
    const { sender } = JSON.parse(text.slice(text.indexOf('{'))) as { sender: unknown }
    assert.deepEqual(sender, ['a.b.c, d.e.f', ':AAAA:, :BBBB:', null, PATH])
  }
})

for (const [what, lines] of Object.entries({
  'two Host headers (RFC 9112 section 3.2)': ['Host: sts.acme.example', 'Host: evil.example'],
  'two Host headers, the foreign one first': ['Host: evil.example', 'Host: sts.acme.example'],
  'two content types': ['Host: sts.acme.example', 'Content-Type: text/plain', `Content-Type: ${form['content-type']}`],
})) {
  test(`${what} are neither of them, on both ways`, async (t) => {
    const { plain, fast } = await startBoth(t)
    const ask = [`POST ${PATH} HTTP/1.1`, ...lines, 'Content-Length: 6', 'Connection: close', '', 'refuse'].join('\r\n')
    const answers = await Promise.all([sendRaw(plain, ask), sendRaw(fast, ask)])
    const statuses = answers.map((text) => text.split(' ')[1])
    assert.equal(statuses[0], statuses[1])
    assert.match(statuses[0] ?? '', what.includes('Host') ? /^4(00|21)$/ : /^4(00|15)$/)
  })
}

function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port })
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(received))
    socket.on('error', () => resolve(received))
    socket.write(text)
  })
}

test('a Host that makes no URL is refused as foreign, and is no failure of ours (W-12)', async (t) => {
  const { plain, fast, logged } = await startBoth(t)
  for (const host of ['-127.0.0.1:1', 'a..b', '[::1', 'sts.acme.example:99999', '%zz', '-']) {
    for (const port of [plain, fast]) {
      const { status } = await send(port, { headers: { ...form, host }, body: 'a=b' })
      assert.ok(status === 421 || status === 400, `${host}: ${status}`)
    }
  }
  assert.deepEqual(logged, [])
})
