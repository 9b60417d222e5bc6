/**
 * Protection of Express 5 routes. The entry point `@countersign/sdk/express`.
 *
 * `app.get('/orders', protect({ verifier, scopes: ['orders:read'] }), handler)`; the handler asks `principalOf(request)`.
 * Requests that are not admitted are answered here (RFC 6750, RFC 9457) and reach no error handler. What decides is gate.ts.
 */
import { principalOf, recordPrincipal } from './access.ts'
import { type Admission, createGate } from './gate.ts'
import {
  type NodeRequest,
  type NodeResponse,
  PresentedNodeRequest,
  resourceMetadata,
  sendRefusal,
} from './node-http.ts'
import type { ProtectOptions } from './options.ts'

export type * from './index.ts'
export { principalOf, resourceMetadata }

/** What is used of an Express request. */
export interface ExpressRequest extends NodeRequest {
  /** The target before routers strip their mount path from `url`: proofs name the whole. */
  readonly originalUrl: string
}

/**
 * Express middleware that admits requests whose token is accepted and has the scopes.
 *
 * @throws CountersignError `configuration_invalid` or `key_set_invalid`, at once and not at the first request.
 * @example
 * app.get('/orders', protect({ verifier, scopes: ['orders:read'] }), (request, response) => {
 *   response.json({ workload: principalOf(request).workload })
 * })
 */
export function protect(
  options: ProtectOptions,
): (request: ExpressRequest, response: NodeResponse, next: (error?: unknown) => void) => void | Promise<void> {
  const gate = createGate(options)
  return (request, response, next) => {
    const act = ({ principal, refusal }: Admission): void => {
      if (principal !== undefined) {
        recordPrincipal(request, principal)
        next()
      } else sendRefusal(response, refusal)
    }
    const admission = gate.admit(new PresentedNodeRequest(request, request.originalUrl))
    // Express 5 hands a rejection on to the error handlers.
    return admission instanceof Promise ? admission.then(act) : act(admission)
  }
}
