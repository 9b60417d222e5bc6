// examples/verify-with-express-oauth2-jwt-bearer, and what the library does and does not check.
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { test } from 'node:test'
import { jwkThumbprint, type ThumbprintMembers } from '@countersign/sdk'
import type { Request, Response } from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { startIssuer } from './support/issuer.ts'
import { nodeExample, oneByOne } from './support/node-example.ts'
import { testClient } from './support/suite.ts'

/** Puts one request through the middleware; rejects with what it refuses by. */
function pass(handler: ReturnType<typeof auth>, headers: Readonly<Record<string, string>>): Promise<void> {
  const request = {
    headers,
    query: {},
    method: 'GET',
    protocol: 'https',
    originalUrl: '/orders',
    host: 'orders.acme.example',
    get: () => 'orders.acme.example',
    is: () => false,
  }
  return new Promise((resolve, reject) => {
    handler(request as unknown as Request, {} as Response, (error: unknown) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

testClient({
  library: 'express-oauth2-jwt-bearer',
  command: () => nodeExample('express-oauth2-jwt-bearer'),
  bare({ issuer, audience }) {
    const handler = auth({ issuerBaseURL: issuer, audience })
    return oneByOne((token) => pass(handler, { authorization: `Bearer ${token}` }))
  },
})

test('express-oauth2-jwt-bearer: its DPoP takes one proof as often as it comes (RFC 9449 section 11.1)', async (t) => {
  const { issuer, audience, make } = await startIssuer(t, {
    audience: 'https://orders.acme.example',
    metadata: (at) => ({
      issuer: at,
      jwks_uri: `${at}/.well-known/jwks.json`,
      id_token_signing_alg_values_supported: ['ES256'],
    }),
  })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const token = make({ claims: { cnf: { jkt: jwkThumbprint(jwk as ThumbprintMembers) } } })
  const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${segment({ typ: 'dpop+jwt', alg: 'ES256', jwk })}.${segment({
    jti: randomUUID(),
    htm: 'GET',
    htu: 'https://orders.acme.example/orders',
    iat: Math.floor(Date.now() / 1000),
    ath: createHash('sha256').update(token).digest('base64url'),
  })}`
  const proof = `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  const handler = auth({ issuerBaseURL: issuer, audience })
  const dpop = { authorization: `DPoP ${token}`, dpop: proof }
  await assert.rejects(pass(handler, { ...dpop, dpop: `${proof.slice(0, -8)}AAAAAAAA` }), 'a proof that is wrong')
  for (let time = 0; time < 3; time += 1) await pass(handler, dpop)
})
