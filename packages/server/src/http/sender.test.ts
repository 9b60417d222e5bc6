import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAuthorization } from './sender.ts'

test('what is no credential of ours is none: other schemes, names that only begin like one, nothing', () => {
  for (const header of [undefined, '', 'Basic YTpi', 'bearertoken', 'DPoPx y', ' Bearer a', 'token', 'Digest bearer']) {
    assert.equal(parseAuthorization(header), undefined, header)
  }
})

test('a credential whose token is none keeps its scheme, so that it is told that it was refused', () => {
  for (const rest of ['', ' ', ' a b', ' a, Bearer b', ' "a"', '\ta', ' a\u0000', ' ä']) {
    assert.deepEqual(parseAuthorization(`Bearer${rest}`), { scheme: 'Bearer', token: undefined }, rest)
    assert.deepEqual(parseAuthorization(`dpop${rest}`), { scheme: 'DPoP', token: undefined }, rest)
  }
})

test('schemes are compared without regard to case, tokens are taken as they are', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,64}={0,2}$/), (token) => {
      assert.deepEqual(parseAuthorization(`bEaReR ${token}`), { scheme: 'Bearer', token })
      assert.deepEqual(parseAuthorization(`DPoP  ${token}`), { scheme: 'DPoP', token })
    }),
  )
})
