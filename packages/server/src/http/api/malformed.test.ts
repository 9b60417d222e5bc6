import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createApiUnderTest } from '../../../../../test/support/api.ts'
import { API_OPERATIONS } from './index.ts'

const targets = API_OPERATIONS.filter(({ method }) => method !== 'GET')

const memberName = fc.constantFrom(
  'document',
  'documents',
  'kind',
  'metadata',
  'name',
  'spec',
  'token',
  'event_id',
  '__proto__',
  'constructor',
  'allow_widening',
)
const jsonLike = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 20 },
    fc.jsonValue(),
    fc.dictionary(memberName, tie('value')),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value

// Three kinds of nonsense: bytes, JSON of the wrong shape, JSON with a piece cut out or doubled.
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
  jsonLike.map((value) => JSON.stringify(value) ?? ''),
  fc.tuple(jsonLike, fc.nat(), fc.nat(20)).map(([value, at, length]) => {
    const text = JSON.stringify({ document: value, documents: [value] })
    const start = at % text.length
    return text.slice(0, start) + text.slice(start, start + length).repeat(at % 3) + text.slice(start + length)
  }),
)

const headerValue = fc.oneof(
  fc.constantFrom(
    'application/json',
    'application/json;charset=utf-8',
    'text/plain',
    'application/merge-patch+json',
    '*',
    '"1"',
  ),
  fc.string({ unit: 'grapheme-ascii', maxLength: 40 }).map((text) => text.replaceAll(/[^\x21-\x7e]/g, '')),
)

test('1,000 malformed requests are answered with a problem below 500, and nothing is logged as a failure', async () => {
  const { send, logged } = createApiUnderTest()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...targets),
      fc.oneof(fc.constant('evt_1'), fc.string({ minLength: 1, maxLength: 20 })),
      body,
      fc.dictionary(
        fc.constantFrom('content-type', 'if-match', 'idempotency-key', 'x-request-id', 'accept', 'content-encoding'),
        headerValue,
        { maxKeys: 2 },
      ),
      async (operation, key, raw, headers) => {
        const path = operation.path.replace('{id}', encodeURIComponent(key.toWellFormed()))
        const response = await send(operation.method, path, { raw, headers })
        assert.ok(response.status < 500, `${operation.method} ${path}: ${response.status}`)
        if (response.status < 400) return
        assert.equal(response.headers.get('content-type'), 'application/problem+json')
        const problem = (await response.json()) as Record<string, unknown>
        assert.equal(problem.status, response.status)
        assert.equal(typeof problem.code, 'string')
      },
    ),
    { numRuns: 1_000 },
  )
  assert.deepEqual(logged, [])
})

test('any path and query is answered below 500', async () => {
  const { send } = createApiUnderTest()
  await fc.assert(
    fc.asyncProperty(
      fc.webPath(),
      fc.webQueryParameters(),
      fc.constantFrom('GET', 'POST', 'DELETE'),
      async (path, query, method) => {
        const response = await send(method, `/v1/events${path}?${query}`, {})
        assert.ok(response.status < 500)
      },
    ),
    { numRuns: 300 },
  )
})
