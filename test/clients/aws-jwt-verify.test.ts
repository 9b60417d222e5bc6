// examples/verify-with-aws-jwt-verify, and what the library does and does not check.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JwtVerifier } from 'aws-jwt-verify'
import { type Jwks, SimpleJwksCache } from 'aws-jwt-verify/jwk'
import { nodeExample, oneByOne } from './support/node-example.ts'
import { createTokenMaker } from './support/odd-tokens.ts'
import { testClient } from './support/suite.ts'

testClient({
  library: 'aws-jwt-verify',
  https: true,
  keepsKeys: true,
  command: () => nodeExample('aws-jwt-verify'),
  bare({ issuer, audience, jwks }) {
    const verifier = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/.well-known/jwks.json` })
    verifier.cacheJwks(jwks as unknown as Jwks)
    return oneByOne((token) => verifier.verify(token))
  },
})

test('aws-jwt-verify: it keeps a key for a year that left the key set, until it is told to fetch (G-07)', async (t) => {
  const { issuer, audience, jwks, make } = createTokenMaker('https://sts.acme.example', 'https://orders.acme.example')
  const other = createTokenMaker(issuer, audience).jwks
  let served = jwks
  const jwksCache = new SimpleJwksCache({
    fetcher: { fetch: async () => new TextEncoder().encode(JSON.stringify(served)).buffer },
  })
  const jwksUri = `${issuer}/.well-known/jwks.json`
  const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, { jwksCache })
  await verifier.verify(make())
  served = other
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 365 * 86_400_000 })
  await verifier.verify(make())
  await verifier.hydrate()
  await assert.rejects(verifier.verify(make()), { name: 'Error', message: /not found in the JWKS/ })
})
