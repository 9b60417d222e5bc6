/**
 * Protection of Hono routes. The entry point `@countersign/sdk/hono`.
 *
 * `app.get('/orders', protect({ verifier, scopes: ['orders:read'] }), handler)`; the handler asks `principalOf(c)`, or
 * `c.var.access` where its app declares `Variables: { access: Principal }`. Client certificates are seen under
 * `@hono/node-server`, whose bindings hold the connection.
 */
import { principalOf, recordPrincipal } from './access.ts'
import { type Admission, createGate } from './gate.ts'
import { certificateOf } from './node-http.ts'
import type { ProtectOptions } from './options.ts'
import { PresentedFetchRequest } from './presented-fetch-request.ts'
import { describeResource, type ResourceMetadata, type ResourceMetadataOptions } from './resource-metadata.ts'

export type * from './index.ts'
export { principalOf }

/** What is used of a Hono context, beside its `set`, `env` and `body`, whose types depend on the app. */
export interface HonoContext {
  readonly req: { readonly raw: Request }
}

// The part of a context that every app has, whatever its types say.
interface OpenContext extends HonoContext {
  readonly env: { readonly incoming?: { readonly socket?: object } } | undefined
  set(name: 'access', value: unknown): void
  body(body: string, status: number, headers: Readonly<Record<string, string>>): Response
}

/**
 * Hono middleware that admits requests whose token is accepted and has the scopes.
 *
 * @throws CountersignError `configuration_invalid` or `key_set_invalid`, at once and not at the first request.
 * @example
 * app.get('/orders', protect({ verifier, scopes: ['orders:read'] }), (c) => c.json({ workload: principalOf(c).workload }))
 */
export function protect(
  options: ProtectOptions,
): (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined> {
  const gate = createGate(options)
  return (context, next) => {
    const open = context as OpenContext
    const act = ({ principal, refusal }: Admission): Promise<Response | undefined> => {
      if (refusal !== undefined) {
        return Promise.resolve(open.body(refusal.body, refusal.status, refusal.headers))
      }
      recordPrincipal(context, principal)
      open.set('access', principal)
      return next() as Promise<undefined>
    }
    // The request and not the connection's own headers: a request that is made inside the app must not be taken for the one outside.
    const admission = gate.admit(
      new PresentedFetchRequest(context.req.raw, () => certificateOf(open.env?.incoming?.socket)),
    )
    return admission instanceof Promise ? admission.then(act) : act(admission)
  }
}

/** A metadata document with a handler that serves it. */
export interface HonoResourceMetadata extends ResourceMetadata {
  /** `app.get(metadata.path, metadata.handler)`. */
  readonly handler: () => Response
}

/** The document of an API and its handler. @throws CountersignError `configuration_invalid`. */
export function resourceMetadata(options: ResourceMetadataOptions): HonoResourceMetadata {
  const metadata = describeResource(options)
  return Object.freeze({
    ...metadata,
    handler: () => new Response(metadata.body, { headers: { 'Content-Type': 'application/json' } }),
  })
}
