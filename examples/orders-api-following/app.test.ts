// The API without a server: a test issuer makes tokens, revokes them, and pretends that nobody can say.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createTestIssuer } from '@countersign/sdk/testing'
import { createTokenVerifier } from '@countersign/sdk/verify'
import { createApp } from './app.ts'

const audience = 'https://orders.acme.example'
const issuer = createTestIssuer()
const verifier = createTokenVerifier(issuer.verifierOptions(audience))
const server = createApp({ verifier, issuer: issuer.issuer, audience }).listen(0, '127.0.0.1')

before(() => once(server, 'listening'))
after(() => {
  server.close()
  verifier.close()
})

async function readOrders(token: string): Promise<number> {
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}/orders`, { headers: { authorization: `Bearer ${token}` } })
  return response.status
}

test('orders are for who has the scope', async () => {
  assert.equal(await readOrders(issuer.token({ audience, scopes: ['orders:deploy'] })), 403)
  assert.equal(await readOrders(issuer.token({ audience, scopes: ['orders:read'] })), 200)
})

test('a revoked token is refused, and without word on revocations every token is', async () => {
  const token = issuer.token({ audience, scopes: ['orders:read'] })
  issuer.revoke(token)
  assert.equal(await readOrders(token), 401)

  issuer.setRevocationsAvailable(false)
  assert.equal(await readOrders(issuer.token({ audience, scopes: ['orders:read'] })), 503)
  issuer.setRevocationsAvailable(true)
})
