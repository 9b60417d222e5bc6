// examples/verify-with-passport-jwt, and what passport-jwt (jsonwebtoken) does and does not check.
import { createPublicKey, type KeyObject } from 'node:crypto'
import { createRequire } from 'node:module'
import { nodeExample, oneByOne } from './support/node-example.ts'
import { testClient } from './support/suite.ts'

// It has no types.
const { verify } = createRequire(import.meta.url)('jsonwebtoken') as {
  verify(token: string, key: KeyObject, options: object): unknown
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
