// examples/verify-with-passport-jwt, and what passport-jwt (jsonwebtoken) does and does not check.
import assert from 'node:assert/strict'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { nodeExample, oneByOne } from './support/node-example.ts'
import { testClient } from './support/suite.ts'

// They have no types.
const require = createRequire(import.meta.url)
const { verify } = require('jsonwebtoken') as { verify(token: string, key: KeyObject, options: object): unknown }
const { ExtractJwt } = require('passport-jwt') as {
  ExtractJwt: { fromAuthHeaderAsBearerToken(): (request: { headers: { authorization: string } }) => string | null }
}

testClient({
  library: 'passport-jwt',
  command: () => nodeExample('passport-jwt'),
  bare({ issuer, audience, jwks: { keys } }) {
    const key = createPublicKey({ key: keys[0] ?? {}, format: 'jwk' })
    // All that passport-jwt does with a token is this call.
    return oneByOne((token) => verify(token, key, { issuer, audience, algorithms: ['ES256'] }))
  },
})

test('passport-jwt: its extractor overlooks what follows the token', () => {
  const extract = ExtractJwt.fromAuthHeaderAsBearerToken()
  assert.equal(extract({ headers: { authorization: 'Bearer abc def' } }), 'abc')
})
