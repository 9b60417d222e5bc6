import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { JsonValue } from '../lib/index.ts'
import { parseConfirmation, tokenTypeOf } from './confirmation.ts'

const THUMBPRINT = 'A'.repeat(43)

test('T39: a cnf that is not understood in full is no binding that could be checked', () => {
  const unknown: readonly JsonValue[] = [
    ...[null, true, 1, '', 'jkt', [], {}, [{ jkt: THUMBPRINT }]],
    ...['', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(42)}+`].map((jkt) => ({ jkt })),
    ...[null, 1, true, [THUMBPRINT], { jkt: THUMBPRINT }].map((jkt) => ({ jkt })),
    { JKT: THUMBPRINT },
    { jwk: { kty: 'EC' } },
    { kid: THUMBPRINT },
    { 'x5t#s256': THUMBPRINT },
    { jkt: THUMBPRINT, 'x5t#S256': THUMBPRINT },
    { jkt: THUMBPRINT, kid: 'a' },
  ]
  for (const cnf of unknown) assert.equal(parseConfirmation(cnf), undefined, JSON.stringify(cnf))
})

test('any JSON is read or refused, and what is read is what was written', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const found = parseConfirmation(value as JsonValue)
      if (found) assert.deepEqual(found, value)
    }),
  )
  for (const name of ['jkt', 'x5t#S256']) {
    assert.deepEqual(parseConfirmation({ [name]: THUMBPRINT }), { [name]: THUMBPRINT })
  }
})

test('only a key makes a DPoP token; a certificate binds a Bearer token (RFC 9449 section 5, RFC 8705 section 3)', () => {
  assert.equal(tokenTypeOf(undefined), 'Bearer')
  assert.equal(tokenTypeOf({ 'x5t#S256': THUMBPRINT }), 'Bearer')
  assert.equal(tokenTypeOf({ jkt: THUMBPRINT }), 'DPoP')
})
