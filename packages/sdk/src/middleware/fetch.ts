/**
 * Protection of fetch handlers, `(request: Request) => Response`. The entry point `@countersign/sdk/fetch`.
 *
 * `protect(options)(handler)` is a handler again, which answers what is not admitted (RFC 6750, RFC 9457) and passes on its
 * further arguments. A fetch handler sees no connection: certificate-bound tokens need `clientCertificate: { header: true }`.
 */
import { principalOf, recordPrincipal } from './access.ts'
import { createGate } from './gate.ts'
import type { ProtectOptions } from './options.ts'
import { PresentedFetchRequest } from './presented-fetch-request.ts'
import type { Principal } from './principal.ts'
import { describeResource, type ResourceMetadata, type ResourceMetadataOptions } from './resource-metadata.ts'

export type * from './index.ts'
export { principalOf }

/** A fetch handler that is told who sends the request. */
export type ProtectedFetchHandler<Rest extends readonly unknown[]> = (
  request: Request,
  principal: Principal,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * A wrapper of fetch handlers that admits requests whose token is accepted and has the scopes.
 *
 * @throws CountersignError `configuration_invalid` or `key_set_invalid`, at once and not at the first request.
 * @example
 * const guard = protect({ verifier, scopes: ['orders:read'] })
 * const handler = guard((request, principal) => Response.json({ workload: principal.workload }))
 */
export function protect(
  options: ProtectOptions,
): <Rest extends readonly unknown[]>(
  handler: ProtectedFetchHandler<Rest>,
) => (request: Request, ...rest: Rest) => Promise<Response> {
  const gate = createGate(options)
  return (handler) =>
    async (request, ...rest) => {
      const admission = gate.admit(new PresentedFetchRequest(request))
      const { principal, refusal } = admission instanceof Promise ? await admission : admission
      if (refusal !== undefined) {
        return new Response(refusal.body, { status: refusal.status, headers: refusal.headers })
      }
      recordPrincipal(request, principal)
      return handler(request, principal, ...rest)
    }
}

/** A metadata document with a handler that serves it. */
export interface FetchResourceMetadata extends ResourceMetadata {
  readonly handler: () => Response
}

/** The document of an API and its handler. @throws CountersignError `configuration_invalid`. */
export function resourceMetadata(options: ResourceMetadataOptions): FetchResourceMetadata {
  const metadata = describeResource(options)
  return Object.freeze({
    ...metadata,
    handler: () => new Response(metadata.body, { headers: { 'Content-Type': 'application/json' } }),
  })
}
