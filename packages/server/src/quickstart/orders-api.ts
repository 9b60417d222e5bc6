import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteKeySet, createTokenVerifier, isCountersignError, type TokenVerifier } from '@countersign/sdk'
import { createCredentialClient, fileSource } from '@countersign/sdk/credentials'
import { createFollower, type Follower } from '@countersign/sdk/follow'
import { ORDERS_AUDIENCE } from './documents.ts'

/** The demo API: what a service developer writes. */
export interface OrdersApi {
  readonly address: string
  /** Follows revocations from now on, once its policy is in force; before, it accepts no token. Resolves when it holds a lease. */
  follow(): Promise<void>
  close(): Promise<void>
}

/**
 * Starts an API that verifies its callers' tokens in process with the SDK: issuer, audience, signature, times, scope, and that
 * nobody has revoked them. It follows revocations as the workload that it is, with its own projected token as the proof: it
 * holds no secret, and asks nobody per request.
 */
export async function startOrdersApi({
  port,
  issuer,
  proofFile,
}: {
  readonly port: number
  readonly issuer: string
  readonly proofFile: string
}): Promise<OrdersApi> {
  const credentials = createCredentialClient({
    server: issuer,
    audience: `${issuer}/v1`,
    scope: 'verify:orders-api',
    sources: [fileSource({ path: proofFile })],
  })
  let follower: Follower | undefined
  let verifier: TokenVerifier | undefined
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (verifier === undefined) return answer(503, { error: 'temporarily_unavailable' })
    const token = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined) return answer(401, { error: 'no credential' })
    try {
      const { claims } = await verifier.verify(token)
      const scopes = String(claims['scope'] ?? '').split(' ')
      if (!scopes.some((scope) => scope.startsWith('orders:'))) return answer(403, { error: 'insufficient scope' })
      return answer(200, { orders: 3, caller: claims.client_id, scope: claims['scope'] })
    } catch (error) {
      if (!isCountersignError(error) || error.retryable) return answer(503, { error: 'temporarily_unavailable' })
      // RFC 6750 section 3.1: one answer for every fault of a token.
      return answer(401, { error: 'invalid_token' })
    }
  })
  await listen(server, port)
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async follow() {
      follower ??= createFollower({ server: issuer, service: 'orders-api', credentials })
      verifier ??= createTokenVerifier({
        issuer,
        audience: ORDERS_AUDIENCE,
        keys: createRemoteKeySet({ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, allowLoopbackHttp: true }),
        revocations: follower,
      })
      await follower.ready()
    },
    async close() {
      await follower?.close()
      credentials.close()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}
