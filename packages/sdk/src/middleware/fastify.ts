/**
 * Protection of Fastify 5 routes. The entry point `@countersign/sdk/fastify`.
 *
 * `app.get('/orders', { onRequest: protect({ verifier, scopes: ['orders:read'] }) }, handler)`: a hook, no plugin; it also
 * serves as `preHandler`, but `onRequest` refuses before a body is read. The handler asks `principalOf(request)`.
 */
import { principalOf, recordPrincipal } from './access.ts'
import { type Admission, createGate } from './gate.ts'
import { type NodeRequest, PresentedNodeRequest } from './node-http.ts'
import type { ProtectOptions } from './options.ts'
import { describeResource, type ResourceMetadata, type ResourceMetadataOptions } from './resource-metadata.ts'

export type * from './index.ts'
export { principalOf }

/** What is used of a Fastify request. */
export interface FastifyRequest {
  readonly raw: NodeRequest
  /** The target before `rewriteUrl`. */
  readonly originalUrl: string
}

/** What is used of a Fastify reply. */
export interface FastifyReply {
  code(status: number): unknown
  header(name: string, value: unknown): unknown
  send(payload?: unknown): unknown
}

/**
 * A Fastify hook that admits requests whose token is accepted and has the scopes.
 *
 * @throws CountersignError `configuration_invalid` or `key_set_invalid`, at once and not at the first request.
 * @example
 * app.get('/orders', { onRequest: protect({ verifier, scopes: ['orders:read'] }) }, async (request) => ({
 *   workload: principalOf(request).workload,
 * }))
 */
export function protect(
  options: ProtectOptions,
): (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void {
  const gate = createGate(options)
  return (request, reply, done) => {
    const act = ({ principal, refusal }: Admission): void => {
      if (principal !== undefined) {
        recordPrincipal(request, principal)
        done()
        return
      }
      reply.code(refusal.status)
      for (const [name, value] of Object.entries(refusal.headers)) reply.header(name, value)
      // Without `done`: the answer has been given. As bytes, since Fastify adds a charset to the type of JSON text.
      reply.send(Buffer.from(refusal.body))
    }
    const admission = gate.admit(new PresentedNodeRequest(request.raw, request.originalUrl))
    if (admission instanceof Promise) admission.then(act, done)
    else act(admission)
  }
}

/** A metadata document with a handler that serves it. */
export interface FastifyResourceMetadata extends ResourceMetadata {
  /** `app.get(metadata.path, metadata.handler)`. */
  readonly handler: (request: unknown, reply: FastifyReply) => void
}

/** The document of an API and its handler. @throws CountersignError `configuration_invalid`. */
export function resourceMetadata(options: ResourceMetadataOptions): FastifyResourceMetadata {
  const metadata = describeResource(options)
  return Object.freeze({
    ...metadata,
    handler(_request: unknown, reply: FastifyReply) {
      reply.header('Content-Type', 'application/json')
      reply.send(Buffer.from(metadata.body))
    },
  })
}
