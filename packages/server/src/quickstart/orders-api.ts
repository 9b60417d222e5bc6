import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteKeySet, createTokenVerifier, isCountersignError } from '@countersign/sdk'
import { ORDERS_AUDIENCE } from './documents.ts'

/** The demo API: what a service developer writes. */
export interface OrdersApi {
  readonly address: string
  close(): Promise<void>
}

/**
 * Starts an API that verifies its callers' tokens in process with the SDK: issuer, audience, signature, times, scope. It holds no
 * secret, and asks nobody per request.
 */
export async function startOrdersApi({
  port,
  issuer,
}: {
  readonly port: number
  readonly issuer: string
}): Promise<OrdersApi> {
  const verifier = createTokenVerifier({
    issuer,
    audience: ORDERS_AUDIENCE,
    keys: createRemoteKeySet({ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, allowLoopbackHttp: true }),
  })
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const token = /^Bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined) return answer(401, { error: 'no credential' })
    try {
      const { claims } = await verifier.verify(token)
      const scopes = String(claims['scope'] ?? '').split(' ')
      if (!scopes.some((scope) => scope.startsWith('orders:'))) return answer(403, { error: 'insufficient scope' })
      return answer(200, { orders: 3, caller: claims.client_id, scope: claims['scope'] })
    } catch (error) {
      // RFC 6750 section 3.1: one answer for every fault of a token.
      return answer(401, { error: isCountersignError(error) ? 'invalid_token' : 'unavailable' })
    }
  })
  await listen(server, port)
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
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
