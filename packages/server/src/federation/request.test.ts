import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ServiceError } from '../errors.ts'
import { parseExchangeRequest, parseForm } from './request.ts'

const TYPE = 'urn:ietf:params:oauth:token-type:'
const good: Readonly<Record<string, string>> = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: 'a.b.c',
  subject_token_type: `${TYPE}jwt`,
  audience: 'https://orders.example',
}

const parse = (body: string) => parseExchangeRequest(parseForm(body))
const encode = (fields: Readonly<Record<string, string>>) => new URLSearchParams(fields).toString()
const without = (name: string) => encode(Object.fromEntries(Object.entries(good).filter(([key]) => key !== name)))
const refuses = (body: string, expected = 'invalid_request') =>
  assert.throws(
    () => parse(body),
    (error: unknown) => error instanceof ServiceError && error.code === expected,
    body,
  )

test('refuses a request without grant type, subject token, its type, or a target (S-01)', () => {
  for (const name of ['grant_type', 'subject_token', 'subject_token_type', 'audience']) refuses(without(name))
  refuses('')
})

test('an empty parameter counts as omitted (RFC 6749 section 3.2)', () => {
  refuses(encode({ ...good, subject_token: '' }))
  assert.equal(parse(encode({ ...good, scope: '' })).scopes, undefined)
})

test('refuses another grant type by its own code', () => {
  for (const grant of ['client_credentials', 'authorization_code', 'URN:ietf:params:oauth:grant-type:token-exchange']) {
    refuses(encode({ ...good, grant_type: grant }), 'unsupported_grant_type')
  }
})

test('refuses every parameter that is given twice, known or not, except audience and resource (S-01)', () => {
  for (const name of Object.keys(good).filter((key) => key !== 'audience')) refuses(`${encode(good)}&${name}=x`)
  for (const name of ['scope', 'client_id', 'x-client-ver', 'requested_token_type'])
    refuses(`${encode(good)}&${name}=a&${name}=a`)
  const targets = parse(
    `${encode(good)}&audience=https%3A%2F%2Forders.example&resource=https%3A%2F%2Fb.example`,
  ).targets
  assert.deepEqual(targets, ['https://orders.example', 'https://b.example'])
})

test('refuses a subject token type that is no JWT proof, our own access tokens among them (S-09)', () => {
  for (const type of ['access_token', 'refresh_token', 'saml2', 'saml1', 'jwt ', 'JWT']) {
    refuses(encode({ ...good, subject_token_type: `${TYPE}${type}` }))
  }
})

test('refuses an actor token without its type, a type without a token, and actor tokens as such', () => {
  refuses(encode({ ...good, actor_token: 'a.b.c' }))
  refuses(encode({ ...good, actor_token_type: `${TYPE}jwt` }))
  refuses(encode({ ...good, actor_token: 'a.b.c', actor_token_type: `${TYPE}jwt` }))
})

test('refuses an unknown requested token type, and answers with the one that was asked for (S-01)', () => {
  refuses(encode({ ...good, requested_token_type: `${TYPE}refresh_token` }))
  assert.equal(parse(encode({ ...good, requested_token_type: `${TYPE}jwt` })).issuedTokenType, `${TYPE}jwt`)
  assert.equal(parse(encode(good)).issuedTokenType, `${TYPE}access_token`)
})

test('refuses a token above 16 KiB, nine targets, 65 scopes and malformed scopes, resources and lifetimes (T30)', () => {
  refuses(encode({ ...good, subject_token: 'a'.repeat(16 * 1024 + 1) }))
  refuses(`${encode(good)}&${Array.from({ length: 8 }, (_, index) => `audience=u${index}`).join('&')}`)
  refuses(encode({ ...good, scope: Array.from({ length: 65 }, (_, index) => `s${index}`).join(' ') }))
  for (const scope of [' a', 'a ', 'a  b', 'a"b', 'a\\b', 'é', 'a\nb']) refuses(encode({ ...good, scope }))
  for (const resource of ['orders', '/orders', 'https://orders.example/#f']) refuses(encode({ ...good, resource }))
  for (const ttl of ['0', '-1', '1.5', '1e3', 'abc', '999999999999']) refuses(encode({ ...good, expires_in: ttl }))
})

test('refuses a sender constraint that does not exist, rather than issue a token without it (S-14)', () => {
  for (const value of ['any', 'DPoP', 'mTLS', 'dpop mtls', 'none', ' dpop']) {
    refuses(encode({ ...good, sender_constraint: value }))
  }
  refuses(`${encode({ ...good, sender_constraint: 'dpop' })}&sender_constraint=mtls`)
  assert.equal(parse(encode(good)).senderConstraint, undefined)
  for (const value of ['dpop', 'mtls'] as const) {
    assert.equal(parse(encode({ ...good, sender_constraint: value })).senderConstraint, value)
  }
})

test('refuses bytes that are not correctly encoded text', () => {
  for (const bad of ['%', '%zz', '%c3%28', '%ed%a0%80', '%00', '\u00e9', 'a%00b']) refuses(`${encode(good)}&x=${bad}`)
})

test("takes google-auth's default scope for none, and keeps a real one beside it", () => {
  const google = 'https://www.googleapis.com/auth/cloud-platform'
  assert.equal(parse(encode({ ...good, scope: google })).scopes, undefined)
  assert.deepEqual(parse(encode({ ...good, scope: `${google} orders:read` })).scopes, ['orders:read'])
})

test('ignores parameters that it does not know, client_id included', () => {
  const request = parse(encode({ ...good, client_id: 'somebody', 'x-client-SKU': 'noise' }))
  assert.ok(!JSON.stringify(request).includes('somebody'))
})

test('whatever the body, the parser answers a request or a typed refusal', () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.constantFrom(...Object.keys(good), ...Object.values(good), '=', '&', '%', '+', '%20', '\0', '\ud800'),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        assert.ok(parse(pieces.join('')).targets.length > 0)
      } catch (error) {
        assert.ok(error instanceof ServiceError)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('round trip: what a client encodes is what is parsed', () => {
  const text = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
    .filter((value) => !value.includes('\0') && value.isWellFormed())
  fc.assert(
    fc.property(text, text, (audience, token) => {
      const request = parse(encode({ ...good, audience, subject_token: token }))
      assert.deepEqual([request.targets, request.rawSubjectToken], [[audience], token])
    }),
  )
})
