import type { z } from 'zod'
import type { Actor, ManagementScope } from '../../admin/index.ts'
import type { ErrorCode } from '../../errors.ts'
import type { ApiDependencies } from './dependencies.ts'
import type { EventSource } from './event-stream.ts'

/** What an operation is given: everything parsed, the actor known and allowed. */
export interface OperationInput<Params = unknown, Query = unknown, Body = unknown> {
  readonly actor: Actor
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** Entity tags of If-Match without quotes; undefined when there is none or it is `*`. */
  readonly ifMatch: readonly string[] | undefined
  /** Set when the operation streams and the caller accepts `text/event-stream`. */
  readonly stream?: { readonly lastEventId: string | undefined } | undefined
}

/** What an operation answers. `lines` streams text instead of a JSON body, `events` streams server-sent events. */
export interface Reply {
  readonly status: 200 | 201 | 204
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly lines?: AsyncIterable<string>
  readonly events?: EventSource
}

/** A documented answer. */
export interface DocumentedReply {
  readonly description: string
  readonly schema?: z.ZodType
  /** Default application/json. */
  readonly mediaType?: string
  /** A further media type that the caller may ask for. */
  readonly alsoAs?: string
}

/**
 * One operation of the management API: what OpenAPI shows, what the route table enforces, and what it does.
 * `handle` gets typed input only; refusals are thrown ServiceErrors.
 */
export interface Operation<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
> {
  readonly id: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /**
   * The management scope that it takes (W-06). `public` needs no token: the answer is the same on every installation. `self` needs
   * a token: the answer is about its holder only. `verify` needs any `verify:NAME`; what depends on the name is the operation's to ask.
   */
  readonly scope: ManagementScope | 'public' | 'self' | 'verify'
  readonly summary: string
  /** Reading one object: without the scope the answer is the one for a missing object (invariant 8). */
  readonly masked?: boolean
  /** Honours Idempotency-Key. Never set where the answer holds a secret. */
  readonly repeatable?: boolean
  /** Answers `Accept: text/event-stream` with a stream. */
  readonly streams?: boolean
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  /** Further media types beside application/json. */
  readonly mediaTypes?: readonly string[]
  /** Default 64 KiB. */
  readonly maxBodyBytes?: number
  readonly replies: Readonly<Record<number, DocumentedReply>>
  /** Codes it can answer with beside those that every operation can. */
  readonly errors: readonly ErrorCode[]
  handle(
    input: OperationInput<z.output<Params>, z.output<Query>, z.output<Body>>,
    deps: ApiDependencies,
  ): Promise<Reply>
}

/** Gives an operation its input types from its schemas and returns it as an entry of the route table. */
export function defineOperation<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType>(
  operation: Operation<Params, Query, Body>,
): Operation {
  return operation
}
