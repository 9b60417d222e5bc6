/**
 * Protection of node:http, node:https and node:http2 listeners. The entry point `@countersign/sdk/node`.
 *
 * `createServer(protect(options)((request, response, principal) => …))`. Requests that are not admitted are answered here
 * (RFC 6750, RFC 9457). What decides is gate.ts.
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
import type { Principal } from './principal.ts'

export type * from './index.ts'
export { principalOf, resourceMetadata }

/**
 * A wrapper of request listeners that admits requests whose token is accepted and has the scopes. When a verifier fails in a
 * way of its own, the request is answered with 500 and the failure becomes a process warning.
 *
 * @throws CountersignError `configuration_invalid` or `key_set_invalid`, at once and not at the first request.
 * @example
 * const guard = protect({ verifier, scopes: ['orders:read'] })
 * createServer(guard((request, response, principal) => response.end(principal.workload))).listen(8080)
 */
export function protect(
  options: ProtectOptions,
): <Request extends NodeRequest, Response extends NodeResponse>(
  listener: (request: Request, response: Response, principal: Principal) => unknown,
) => (request: Request, response: Response) => unknown {
  const gate = createGate(options)
  return (listener) => (request, response) => {
    const act = (admission: Admission): unknown => {
      if (admission.refusal !== undefined) return sendRefusal(response, admission.refusal)
      recordPrincipal(request, admission.principal)
      return listener(request, response, admission.principal)
    }
    let admission: Admission | Promise<Admission>
    try {
      admission = gate.admit(new PresentedNodeRequest(request, request.url))
    } catch (error) {
      return sendFailure(response, error)
    }
    return admission instanceof Promise ? admission.then(act, (error) => sendFailure(response, error)) : act(admission)
  }
}

function sendFailure(response: NodeResponse, error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'CountersignVerifierWarning')
  response.statusCode = 500
  response.end('')
}
