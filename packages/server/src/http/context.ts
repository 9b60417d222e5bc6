import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'hono'

/** Which listener accepted the connection: decided by the server object, never by anything the caller sends. */
export type ListenerName = 'tcp' | 'local-socket'

/** What a listener hands to the app beside the request. All absent when a test calls the app without a port. */
export interface HttpBindings {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse
  readonly listener?: ListenerName
}

/** The Hono environment of the whole app. */
export interface HttpEnv {
  Bindings: HttpBindings
  Variables: { requestId: string }
}

/** A request as every route gets it. */
export type HttpContext = Context<HttpEnv>

/** One method on one path. Paths are OpenAPI templates: `/v1/events/{id}`; a template variable never matches `/`. */
export interface HttpRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Answered under any Host: probes address the process, not its name. Only for routes that tell and do nothing. */
  readonly anyHost?: boolean
  /** Answers, or throws: a ServiceError is rendered as this route's kind of error, anything else as internal_error. */
  respond(c: HttpContext): Response | Promise<Response>
}

/** The listener of a request; the one with fewer rights when nothing is said. */
export function listenerOf(c: HttpContext): ListenerName {
  return c.env?.listener === 'local-socket' ? 'local-socket' : 'tcp'
}

/** The peer's address, as the socket gives it; undefined on the local socket. Forwarding headers are never believed here. */
export function remoteAddressOf(c: HttpContext): string | undefined {
  return c.env?.incoming?.socket.remoteAddress
}
