// The routes of the orders API: one line each says which scope it takes. Who verifies, and against whom, is decided by server.ts.
import { principalOf, protect, type RefusalReport, resourceMetadata } from '@countersign/sdk/express'
import type { TokenVerifier } from '@countersign/sdk/verify'
import express, { type Express } from 'express'

/** What the API is made with. */
export interface AppOptions {
  readonly verifier: TokenVerifier
  /** Who issues the tokens. */
  readonly issuer: string
  /** The audience of this API, which is its address. */
  readonly audience: string
  /** Is told why a request was refused; callers are not. */
  readonly onRefusal?: (report: RefusalReport) => void
}

/** The API, to listen with. */
export function createApp({ verifier, issuer, audience, onRefusal = () => {} }: AppOptions): Express {
  const app = express()
  const metadata = resourceMetadata({
    resource: audience,
    authorizationServers: [issuer],
    scopes: ['orders:read', 'orders:deploy'],
  })
  app.get(metadata.path, metadata.handler)
  const guard = (scope: string) => {
    return protect({ verifier, scopes: [scope], resourceMetadata: metadata.url, onRefusal })
  }

  app.get('/orders', guard('orders:read'), (request, response) => {
    response.json({ orders: 3, caller: principalOf(request).workload })
  })
  app.post('/deployments', guard('orders:deploy'), (request, response) => {
    response.json({ deployed: true, caller: principalOf(request).workload })
  })
  return app
}
