import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isTokenText, readCredential } from './credential.ts'
import { hasQueryParameter, pathOf } from './presented-request.ts'

const read = (authorization: string | readonly string[] | undefined, target = '/', dpop?: string | readonly string[]) =>
  readCredential(
    {
      method: 'GET',
      target,
      values: (header) => (header === 'authorization' ? authorization : header === 'dpop' ? dpop : undefined),
      peerCertificate: () => undefined,
    },
    true,
  )

test('RFC 6750 section 2: a token is presented once and in one way', () => {
  for (const none of [undefined, 'Basic eA==', 'Negotiate', 'Digest realm="x"', 'Bearerx y', 'DPoP2 x']) {
    assert.equal(read(none), 'none', String(none))
  }
  const malformed = [
    '',
    ' ',
    'Bearer',
    'Bearer ',
    'DPoP',
    'dpop  ',
    '=x',
    'Basic x, Bearer y',
    'Digest a="b", Bearer y',
    '\tBearer x',
  ]
  for (const value of malformed) assert.equal(read(value), 'malformed', value)
  for (const several of [[], ['Bearer x', 'Bearer x'], ['Basic x', 'Bearer x']])
    assert.equal(read(several), 'malformed')
  assert.equal(read('Bearer x', '/?access_token=y'), 'malformed')
  assert.equal(read(undefined, '/?access_token=y'), 'malformed')
  // A plain token with a proof beside it.
  assert.equal(read('Bearer x', '/', 'proof'), 'malformed')
  assert.deepEqual(read('Bearer x'), { scheme: 'Bearer', token: 'x' })
  assert.deepEqual(read('bEARER   x'), { scheme: 'Bearer', token: 'x' })
  assert.deepEqual(read('dpop x', '/', 'proof'), { scheme: 'DPoP', token: 'x' })
})

test('whatever stands in an Authorization header, a token that could be one has no space, comma, quote or control', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string({ unit: 'binary' }),
        fc.string().map((text) => `Bearer ${text}`),
      ),
      (value) => {
        const presented = read(value)
        if (typeof presented === 'string' || !isTokenText(presented.token)) return
        assert.match(presented.token, /^[\w.~+/-]+=*$/)
        assert.ok(value.endsWith(presented.token))
      },
    ),
    { numRuns: 2000 },
  )
})

test('a token in the query is seen however it is written', () => {
  for (const target of [
    ...['/?access_token', '/?access_token=', '/?a&access_token=x', '/?%61ccess_token=x', '/?a=b&access%5ftoken=x#y'],
    ...[
      '/x?y?access_token=1&access_token=x',
      'https://a.example/?access_token=x',
      '/?=&&access_token=x',
      '/?%zz=1&access_token=x',
    ],
  ]) {
    assert.equal(hasQueryParameter(target, 'access_token'), true, target)
  }
  for (const target of [
    '/',
    '/access_token',
    '/?',
    '/?x=access_token',
    '/?Access_Token=x',
    '/?access_tokens=x',
    '/?x%=1',
    '',
  ]) {
    assert.equal(hasQueryParameter(target, 'access_token'), false, target)
  }
})

test('the path of a target ends before its query and fragment', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (path, query) => {
      const clean = path.replace(/[?#]/g, '')
      assert.equal(pathOf(`/${clean}?${query}`), `/${clean}`)
      assert.equal(pathOf(`/${clean}#${query}`), `/${clean}`)
    }),
  )
  for (const target of ['*', '', 'a.example:443', 'ftp://a.example/x']) assert.equal(pathOf(target), undefined)
})
