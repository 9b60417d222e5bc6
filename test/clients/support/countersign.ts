/** A real server with what these tests need of it: tokens for the orders API, with and without its scope, and for another service. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request as send } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseResourceFile } from '../../../packages/server/src/resources/index.ts'
import { startServer } from '../../../packages/server/src/server.ts'
import { cleanUp, type TestScope } from '../../support/database.ts'
import { findFreePort } from '../../support/free-port.ts'
import { createProofIssuer, documentsFor, ORDERS_AUDIENCE } from '../../support/proofs.ts'
import type { Certificate } from './certificate.ts'

/** A running server. */
export interface Countersign {
  readonly issuer: string
  readonly audience: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  /** A token with this scope, for this audience, from the exchange of a fresh proof. */
  token(scope: string, audience?: string): Promise<string>
  /** Asks, as a verifier of the orders API, whether a token is active (RFC 7662). */
  isActive(token: string): Promise<boolean>
  /** Revokes a token (RFC 7009). */
  revoke(token: string): Promise<void>
}

/** The audience of the other service, which issues scopes of the same names. */
export const BILLING_AUDIENCE = 'https://billing.acme.internal'

const TYPE = 'urn:ietf:params:oauth:token-type:'

/** Starts it; with a certificate it is reached, and known, by https, through a proxy as in production. */
export async function startCountersign(scope: TestScope, certificate?: Certificate): Promise<Countersign> {
  const proofs = createProofIssuer()
  const dataDirectory = mkdtempSync(join(tmpdir(), 'cs-server-'))
  cleanUp(scope, () => rmSync(dataDirectory, { recursive: true, force: true }))
  const port = await findFreePort()
  const address = `http://127.0.0.1:${port}`
  const issuer = certificate ? await startProxy(scope, address, certificate) : address
  const http = { allowedHosts: [`127.0.0.1:${port}`] }
  const overrides = { issuer, listen: { port }, dataDirectory, http, log: { level: 'silent' } }
  const server = await startServer({ overrides })
  cleanUp(scope, () => server.stop())
  await apply(server.socketPath ?? '', documentsFor(proofs) + MORE_DOCUMENTS)
  const token: Countersign['token'] = async (tokenScope, audience = ORDERS_AUDIENCE) => {
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience,
      scope: tokenScope,
      requested_token_type: `${TYPE}access_token`,
      subject_token: proofs.sign(),
      subject_token_type: `${TYPE}jwt`,
    })
    const answer = await fetch(`${address}/oauth/token`, { method: 'POST', body })
    const { access_token } = (await answer.json()) as { access_token?: string }
    assert.ok(access_token !== undefined, `the exchange answered ${answer.status}`)
    return access_token
  }
  const get = async (path: string) => (await fetch(`${address}${path}`)).json() as Promise<object>
  return {
    issuer,
    audience: ORDERS_AUDIENCE,
    metadata: (await get('/.well-known/openid-configuration')) as Countersign['metadata'],
    jwks: (await get('/.well-known/jwks.json')) as Countersign['jwks'],
    token,
    async isActive(tokenInQuestion) {
      const authorization = `Bearer ${await token('verify:orders-api', `${issuer}/v1`)}`
      const body = new URLSearchParams({ token: tokenInQuestion })
      const answer = await fetch(`${address}/oauth/introspect`, { method: 'POST', headers: { authorization }, body })
      assert.equal(answer.status, 200)
      return ((await answer.json()) as { active?: unknown }).active === true
    },
    async revoke(token) {
      const body = new URLSearchParams({ token })
      assert.equal((await fetch(`${address}/oauth/revoke`, { method: 'POST', body })).status, 200)
    },
  }
}

/** Applies documents over the local socket, with the hash of what the plan says that it widens. */
async function apply(socketPath: string, yaml: string): Promise<void> {
  const { documents, faults } = parseResourceFile(Buffer.from(yaml), 'documents.yaml')
  assert.deepEqual(faults, [])
  const post = async (path: string, content: object) => {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' }
      send({ socketPath, path, method: 'POST', headers, agent: false }, resolve)
        .once('error', reject)
        .end(JSON.stringify(content))
    })
    const body = await text(answer)
    assert.equal(answer.statusCode, 200, body)
    return JSON.parse(body) as { hash?: string }
  }
  const values = documents.map(({ value }) => value)
  const { hash } = await post('/v1/diff', { documents: values })
  await post('/v1/apply', { documents: values, allow_widening: hash })
}

/** Ends TLS in front of a server, as a load balancer does. */
async function startProxy(scope: TestScope, target: string, { key, certificate }: Certificate): Promise<string> {
  const server = createServer({ key, cert: certificate }, (request, response) => {
    const { method, url, headers } = request
    const onward = send(`${target}${url}`, { method: method ?? 'GET', headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.once('error', () => response.destroy())
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  cleanUp(scope, () => {
    server.close()
    server.closeAllConnections()
  })
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function policy(name: string, service: string, scopes: string): string {
  return `---
apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: ${name}, owner: team:platform, purpose: calls APIs, environment: production, reviewBy: 2099-05-01 }
spec:
  provider: github-acme
  match: { repository_owner_id: "123456", repository_id: "456789", ref: refs/heads/main, environment: production, event_name: { in: [push] } }
  grant: { service: ${service}, scopes: [${scopes}], ttl: 15m }
  mode: enforce
`
}

const MORE_DOCUMENTS = `---
apiVersion: countersign/v1
kind: Service
metadata: { name: billing-api, owner: team:platform, purpose: bills, environment: production }
spec: { audience: ${BILLING_AUDIENCE}, scopes: [orders:read] }
${policy('read-orders', 'orders-api', 'orders:read')}${policy('read-billing', 'billing-api', 'orders:read')}${policy('ask-orders', 'countersign-management', 'verify:orders-api')}`
