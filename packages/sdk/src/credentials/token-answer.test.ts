import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CountersignError } from '../errors.ts'
import { granted } from './stand-in-server.fixture.ts'
import { parseTokenAnswer } from './token-answer.ts'

const EXPECTED = { tokenType: 'Bearer', scopes: ['orders:read'], now: new Date(0) } as const
const JSON_TYPE = { 'content-type': 'application/json' }

function parse(body: Uint8Array | string, status = 200, headers: Record<string, string> = JSON_TYPE) {
  return parseTokenAnswer({ status, headers: new Headers(headers), body: Buffer.from(body as string) }, EXPECTED)
}

/** What may come out: a token as it was granted, or one of three errors whose text holds nothing of the body. */
function assertBounded(body: Uint8Array | string, status: number): void {
  try {
    const token = parse(body, status)
    assert.equal(status, 200)
    assert.match(token.accessToken, /^[A-Za-z0-9._~+/-]+=*$/)
    assert.equal(token.tokenType, 'Bearer')
    assert.ok(token.lifetimeSeconds >= 1 && token.lifetimeSeconds <= 86_400)
  } catch (error) {
    assert.ok(error instanceof CountersignError, String(error))
    assert.ok(['exchange_refused', 'exchange_unavailable', 'response_refused'].includes(error.code))
    assert.match(error.message, /^[\x20-\x7e]{1,200}$/)
    assert.ok(error.eventId === undefined || /^[a-z]{1,10}_[0-9A-Za-z]{1,64}$/.test(error.eventId))
  }
}

test('whatever bytes a server answers: a bounded token, or an error of three', () => {
  const status = fc.constantFrom(200, 201, 302, 400, 401, 404, 429, 500, 503)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), status, assertBounded))
  fc.assert(fc.property(fc.json(), status, assertBounded))
})

test('whatever stands in the members of an answer', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom('Bearer', 'bearer', 'DPoP', 't0ken', 900, -1, '900', 0.5))
  const names = [
    'access_token',
    'issued_token_type',
    'token_type',
    'expires_in',
    'scope',
    'event_id',
    'error',
    'error_id',
  ]
  const changes = fc.dictionary(fc.constantFrom(...names), value)
  const status = fc.constantFrom(200, 400, 429, 503)
  fc.assert(
    fc.property(changes, status, (members, code) =>
      assertBounded(JSON.stringify(granted('t0ken', members).body), code),
    ),
  )
})

test('no single byte of a granting answer can be changed into a token that was not granted', () => {
  const original = Buffer.from(JSON.stringify(granted('t0ken').body))
  fc.assert(
    fc.property(fc.nat(original.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(original)
      changed[at] = byte
      assertBounded(changed, 200)
    }),
  )
})

test('the token type is compared without case (RFC 6749 section 5.1), and a missing scope is what was asked for', () => {
  const token = parse(JSON.stringify(granted('t0ken', { token_type: 'bEARER', scope: undefined }).body))
  assert.deepEqual([token.tokenType, token.scopes], ['Bearer', ['orders:read']])
  assert.deepEqual(parse(JSON.stringify(granted('t0ken', { scope: '' }).body)).scopes, [])
})
