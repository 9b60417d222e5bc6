// 2,000 mutated requests against a real server process: forms and tokens at /oauth/token, JSON at /v1 from a stranger over TCP and from an
// administrator over the local socket, and raw bytes on the wire. Nothing breaks, nothing is told, and no stranger fills the log.
import assert from 'node:assert/strict'
import { request as requestHttp } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createInstallation, type Installation, type Replica, residentMiB } from '../support/installation.ts'
import { createProofIssuer, ORDERS_AUDIENCE } from '../support/proofs.ts'

const LIMIT = { timeout: 300_000 }
const MAX_RESIDENT_MIB = 260
const cleanups: (() => Promise<void> | void)[] = []
let installation: Installation
let server: Replica
let startedAt: number
let eventsBefore: ReadonlyMap<string, number>

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  server = await installation.addReplica()
  await server.start()
  await server.apply()
  eventsBefore = await countEvents()
  startedAt = Date.now()
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

/** How many events of each kind there are, as the API lists them. */
async function countEvents(): Promise<ReadonlyMap<string, number>> {
  const { items } = await server.cliJson('events', 'list', '--limit', '1000')
  const counts = new Map<string, number>()
  for (const { kind } of items as { kind: string }[]) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

function assertHonest(status: number, text: string): void {
  assert.ok(status < 500 || status === 503, `${status}: ${text.slice(0, 500)}`)
  assert.doesNotMatch(text, /\bat .+:\d+:\d+|node_modules|\.ts:\d/)
}

/** Text that parsers stumble over. */
const nasty = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '',
    '\0',
    '%',
    '%00',
    '%ff',
    '\ud800',
    'null',
    '__proto__',
    'constructor',
    '-1',
    '1e999',
    '🙂'.repeat(50),
  ),
  fc.constantFrom(
    '../../etc/passwd',
    '$' + '{jndi:ldap://x}',
    "'; DROP TABLE events; --",
    '<script>',
    'a'.repeat(20_000),
  ),
)

const FORM = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  audience: ORDERS_AUDIENCE,
  scope: 'orders:deploy',
  requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
}

/** A proof that no registered issuer has signed, as an outsider can make it. */
const strangers = createProofIssuer()
const brokenProof = () => `${installation.proofs.sign().split('.').slice(0, 2).join('.')}.${'A'.repeat(342)}`

async function postForm(body: string, headers: Record<string, string> = {}): Promise<void> {
  const answer = await server.request('/oauth/token', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })
  assertHonest(answer.status, answer.text)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.equal(typeof answer.json?.['error'], 'string', answer.text)
  assert.notEqual(answer.status, 200)
}

test('600 mutated forms', LIMIT, async () => {
  const mutation = fc.record({
    name: fc.constantFrom(
      ...Object.keys(FORM),
      'subject_token',
      'actor_token',
      'resource',
      'expires_in',
      'client_id',
      'x',
    ),
    act: fc.constantFrom('set', 'drop', 'repeat', 'append', 'raw'),
    value: nasty,
  })
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
      const form = new URLSearchParams({ ...FORM, subject_token: brokenProof() })
      let raw = ''
      for (const { name, act, value } of mutations) {
        if (act === 'set') form.set(name, value.toWellFormed())
        if (act === 'drop') form.delete(name)
        if (act === 'repeat') form.append(name, form.get(name) ?? '')
        if (act === 'append') form.append(name, value.toWellFormed())
        if (act === 'raw') raw += `&${name}=${value.toWellFormed()}`
      }
      await postForm(`${form.toString()}${raw}`)
    }),
    { numRuns: 600 },
  )
})

test('600 mutated proofs, none of which is accepted', LIMIT, async () => {
  const part = (text: string) => Buffer.from(text.toWellFormed()).toString('base64url')
  const json = fc.json({ maxDepth: 5 })
  const proof = fc.oneof(
    nasty,
    // Claims and headers of every shape, under a signature that is none.
    fc.tuple(json, json, nasty).map(([header, payload, signature]) => `${part(header)}.${part(payload)}.${signature}`),
    fc
      .record({
        alg: fc.constantFrom('none', 'HS256', 'RS256', 'ES256', ''),
        kid: nasty,
        jku: nasty,
        crit: fc.anything(),
      })
      .map((header) => `${part(JSON.stringify(header) ?? '')}.${part('{"iss":"x"}')}.`),
    // A stranger's well-formed proof that names our provider, our tenant, our audience.
    fc
      .record({ aud: fc.anything(), sub: nasty, jti: nasty, repository_owner_id: nasty })
      .map((changes) => strangers.sign(changes)),
    // One character of a good proof is changed.
    fc.nat().chain((place) =>
      fc.constantFrom('A', 'B', '.', '=', '+', '\n', ' ').map((character) => {
        const good = installation.proofs.sign()
        // Not the last character: its unused bits are another spelling that is refused, or the same one.
        const index = place % (good.length - 2)
        const other = character === good[index] ? '-' : character
        return `${good.slice(0, index)}${other}${good.slice(index + 1)}`
      }),
    ),
    fc.nat({ max: 40 }).map((depth) => `${part('{"alg":"RS256"}')}.${part('['.repeat(depth * 100))}.AAAA`),
  )
  await fc.assert(
    fc.asyncProperty(proof, async (text) => {
      await postForm(new URLSearchParams({ ...FORM, subject_token: text.toWellFormed() }).toString())
    }),
    { numRuns: 600 },
  )
})

const PATHS = [
  ...['/v1/trust-providers', '/v1/trust-policies', '/v1/services', '/v1/workloads', '/v1/teams', '/v1/people'],
  ...['/v1/diff', '/v1/lint', '/v1/inspect', '/v1/trust-policies/test', '/v1/trust-policies/generate', '/v1/events'],
  ...['/v1/audit/export', '/v1/audit/checkpoint', '/v1/signing-keys', '/v1/whoami', '/v1/status', '/v1/export'],
]

test('300 requests of strangers to the management API change nothing and read nothing', LIMIT, async () => {
  const ask = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
    path: fc.constantFrom(...PATHS),
    rest: fc.oneof(
      fc.constant(''),
      nasty.map((text) => `/${encodeURIComponent(text.toWellFormed().slice(0, 200))}`),
    ),
    query: fc.oneof(
      fc.constant(''),
      nasty.map((text) => `?after=${encodeURIComponent(text.toWellFormed().slice(0, 200))}`),
    ),
    body: fc.json({ maxDepth: 3 }),
    token: fc.oneof(fc.constant(undefined), fc.string({ maxLength: 40 }), fc.constantFrom('a.b.c', 'A'.repeat(15_000))),
  })
  await fc.assert(
    fc.asyncProperty(ask, async ({ method, path, rest, query, body, token }) => {
      const answer = await server.request(`${path}${rest}${query}`, {
        method,
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${encodeURIComponent(token)}` }),
        },
        ...(method === 'GET' ? {} : { body }),
      })
      assertHonest(answer.status, answer.text)
      assert.ok([400, 401, 403, 404, 405, 413, 414, 431].includes(answer.status), `${answer.status} ${answer.text}`)
    }),
    { numRuns: 300 },
  )
})

/** A request of an administrator over the local socket. */
function overSocket(method: string, path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socketPath = join(server.dataDirectory, 'run', 'admin.sock')
    const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    const ask = requestHttp({ socketPath, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
      answer.once('error', reject)
    })
    ask.once('error', reject)
    ask.end(body)
  })
}

test(
  '200 malformed bodies of an administrator are refused with their faults, and nothing is half written',
  LIMIT,
  async () => {
    const before = await server.cli('export')
    const key = fc.oneof(
      fc.constantFrom('apiVersion', 'kind', 'metadata', 'spec', 'tests', 'name', 'match', '__proto__'),
      nasty,
    )
    const document = fc.oneof(
      fc.dictionary(key, fc.anything({ maxDepth: 3 })),
      fc.record({
        apiVersion: fc.constantFrom('countersign/v1', 'v1'),
        kind: fc.constantFrom('Team', 'Service', 'TrustProvider', 'TrustPolicy', 'Workload', 'Nothing'),
        metadata: fc.dictionary(key, nasty),
        spec: fc.oneof(fc.jsonValue({ maxDepth: 4 }), fc.dictionary(key, fc.jsonValue())),
      }),
      fc.jsonValue(),
    )
    const body = fc.oneof(
      fc.record({ documents: fc.array(document, { maxLength: 4 }) }).map((value) => JSON.stringify(value)),
      fc.record({ document }).map((value) => JSON.stringify(value)),
      fc.record({ token: nasty }).map((value) => JSON.stringify(value)),
      fc.record({ event_id: nasty }).map((value) => JSON.stringify(value)),
      fc.json(),
      fc.string(),
      fc.nat({ max: 60 }).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
    )
    const path = fc.constantFrom(
      '/v1/diff',
      '/v1/lint',
      '/v1/inspect',
      '/v1/trust-policies/test',
      '/v1/trust-policies/generate',
      '/v1/trust-policies',
    )
    await fc.assert(
      fc.asyncProperty(path, body, async (where, text) => {
        const answer = await overSocket('POST', where, text.toWellFormed())
        assertHonest(answer.status, answer.text)
      }),
      { numRuns: 200 },
    )
    assert.equal((await server.cli('export')).stdout, before.stdout)
  },
)

/** Sends bytes as they are, and reads until the server closes or falls silent. */
function sendRaw(bytes: Uint8Array): Promise<string> {
  const { port, hostname } = new URL(server.address)
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(Number(port), hostname)
    const end = () => {
      socket.destroy()
      resolve(text)
    }
    socket.setTimeout(100, end)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      // Whatever else the bytes were, one answer says enough.
      if (text.includes('\r\n\r\n')) setTimeout(end, 5)
    })
    socket.once('error', end)
    socket.once('close', end)
    socket.write(bytes)
  })
}

test('300 mutated HTTP requests on the wire', LIMIT, async () => {
  const host = new URL(server.address).host
  const form = new URLSearchParams({ ...FORM, subject_token: strangers.sign() }).toString()
  const head = [
    'POST /oauth/token HTTP/1.1',
    `Host: ${host}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${form.length}`,
  ]
  const good = `${head.join('\r\n')}\r\n\r\n${form}`
  const line = fc.constantFrom(
    ...[
      'Transfer-Encoding: chunked',
      'Content-Length: 5',
      'Content-Length: -1',
      'Content-Length: 99999999999999999999',
    ],
    ...[
      'Host: evil.example',
      'Host:',
      'X-Forwarded-For: 1.2.3.4',
      ' folded: yes',
      'no-colon',
      'A: \u0001',
      'Expect: 100-continue',
    ],
    ...[
      'Connection: close',
      'Connection: upgrade',
      'Upgrade: websocket',
      'Content-Encoding: gzip',
      `X: ${'y'.repeat(30_000)}`,
    ],
  )
  const request = fc.oneof(
    fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => `${[...head, ...lines].join('\r\n')}\r\n\r\n${form}`),
    fc.tuple(fc.nat(), fc.string({ unit: 'binary', maxLength: 10 })).map(([place, text]) => {
      const index = place % (head.join('\r\n').length + 4)
      return `${good.slice(0, index)}${text}${good.slice(index)}`
    }),
    fc.nat().map((place) => good.slice(0, place % good.length)),
    fc
      .constantFrom('GET', 'POST', 'TRACE', 'CONNECT', 'get', 'PRI *', '')
      .chain((method) =>
        fc
          .constantFrom(
            '*',
            '/',
            '//',
            '/%',
            '/%zz',
            '/%00',
            '/../..',
            'http://evil.example/',
            `/${'a'.repeat(20_000)}`,
            '/v1/\u00ff',
          )
          .map((target) => `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
      ),
  )
  await fc.assert(
    fc.asyncProperty(request, async (text) => {
      const answer = await sendRaw(Buffer.from(text, 'latin1'))
      for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)) assertHonest(Number(status), answer)
      assert.doesNotMatch(answer, /"access_token"/)
    }),
    { numRuns: 300 },
  )
})

test('after all of it: ready, within its memory, still exchanging, and the log holds no event of a stranger', async () => {
  assert.equal((await server.request('/readyz')).status, 200)
  const resident = residentMiB(server.pid)
  assert.ok(resident < MAX_RESIDENT_MIB, `${resident} MiB`)
  const events = await countEvents()
  const grownBy = (kind: string) => (events.get(kind) ?? 0) - (eventsBefore.get(kind) ?? 0)
  assert.equal(grownBy('exchange.decided'), 0)
  // One summary per ten seconds, however many calls there were.
  const summaries = Math.ceil((Date.now() - startedAt) / 10_000) + 1
  assert.ok(grownBy('exchange.refused_early') <= summaries, `${grownBy('exchange.refused_early')} of ${summaries}`)
  const kinds = [...events.keys()].filter((kind) => grownBy(kind) > 0 && kind !== 'exchange.refused_early')
  assert.deepEqual(kinds, [])
  assert.equal((await server.exchange(installation.proofs.sign())).status, 200)
  assert.doesNotMatch(server.log(), /"level":(50|60)/)
})

test('one valid proof that is presented 100 times leaves a dozen events, then only 429', async () => {
  const before = (await countEvents()).get('exchange.decided') ?? 0
  const proof = installation.proofs.sign({ ref: 'refs/heads/other' })
  const statuses: number[] = []
  for (let count = 0; count < 100; count += 1) statuses.push((await server.exchange(proof)).status)
  const decided = ((await countEvents()).get('exchange.decided') ?? 0) - before
  assert.ok(decided <= 12, `${decided} events`)
  assert.ok(statuses.slice(decided).every((status) => status === 429))
})
