// examples/verify-with-jose, and what jose does and does not check.
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { nodeExample, oneByOne } from './support/node-example.ts'
import { testClient } from './support/suite.ts'

testClient({
  library: 'jose',
  command: () => nodeExample('jose'),
  bare({ issuer, audience, jwks }) {
    const keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet)
    return oneByOne((token) => jwtVerify(token, keys, { issuer, audience, algorithms: ['ES256'] }))
  },
})
