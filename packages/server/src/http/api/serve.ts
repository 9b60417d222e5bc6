import { createHash } from 'node:crypto'
import { type Actor, isVerifyScope, type RepeatableAnswer, verifyScope } from '../../admin/index.ts'
import { ServiceError } from '../../errors.ts'
import type { HttpContext, HttpRoute } from '../context.ts'
import { problemResponse } from '../errors.ts'
import { identifyCaller } from './caller.ts'
import type { ApiDependencies } from './dependencies.ts'
import { streamEvents } from './event-stream.ts'
import { parseInput } from './input.ts'
import type { Operation, Reply } from './operation.ts'
import { refuseCrossSite } from './same-origin.ts'
import { streamLines } from './stream.ts'

const PUBLIC_ACTOR: Actor = { id: 'anonymous', kind: 'workload', scopes: new Set() }

/**
 * Makes the routes of the management API from its operations. Every request goes the same way, so that no operation can forget a
 * step: cross-site check, caller, scope, input, work. A scope is looked at before anything the caller sent is (invariant 8).
 */
export function serveOperations(operations: readonly Operation[], deps: ApiDependencies): readonly HttpRoute[] {
  const ownOrigins = new Set([new URL(deps.issuer).origin, ...(deps.ownOrigins ?? [])])
  return operations.map((operation) => ({
    method: operation.method,
    path: operation.path,
    respond: (c) => respond(c, operation, deps, ownOrigins),
  }))
}

async function respond(
  c: HttpContext,
  operation: Operation,
  deps: ApiDependencies,
  ownOrigins: ReadonlySet<string>,
): Promise<Response> {
  if (operation.method !== 'GET') refuseCrossSite(c, ownOrigins)
  let actor = PUBLIC_ACTOR
  if (operation.scope !== 'public') {
    const caller = await identifyCaller(c, deps)
    if ('refusal' in caller) return caller.refusal
    actor = caller.actor
    if (!mayCall(actor, operation.scope)) return withoutScope(c, operation, deps)
  }
  try {
    const { bytes, ...input } = await parseInput(c, operation)
    const key = operation.repeatable === true ? idempotencyKeyOf(c) : undefined
    if (key !== undefined)
      return await respondOnce(c, { actor: actor.id, key, bytes }, deps, () =>
        operation.handle({ actor, ...input }, deps),
      )
    const stream = operation.streams === true ? streamAskedFor(c) : undefined
    const reply = await operation.handle({ actor, ...input, stream }, deps)
    if (reply.events !== undefined) return streamEvents(c, reply.events, { actor, now: deps.now })
    return toResponse(c, reply)
  } catch (error) {
    // The same bytes as without the scope: detail and faults of the domain's own not_found stay inside.
    if (operation.masked === true && error instanceof ServiceError && error.code === 'not_found')
      throw new ServiceError('not_found')
    throw error
  }
}

function mayCall(actor: Actor, scope: Exclude<Operation['scope'], 'public'>): boolean {
  if (scope === 'self') return true
  if (scope === 'verify') return actor.kind === 'local-socket' || [...actor.scopes].some(isVerifyScope)
  return actor.scopes.has(scope)
}

// RFC 9110 section 12.5.1: only who names the media type wants a stream; `*/*` is everybody.
function streamAskedFor(c: HttpContext): { readonly lastEventId: string | undefined } | undefined {
  const ranges = (c.req.header('accept') ?? '').split(',').map((range) => range.trim().toLowerCase())
  const named = ranges.find((range) => /^text\/event-stream\s*(;|$)/.test(range))
  if (named === undefined || /;\s*q=0(\.0*)?\s*($|;)/.test(named)) return undefined
  return { lastEventId: c.req.header('last-event-id') }
}

// Invariant 8: whoever may not read an object learns nothing from asking for it. For collections and acts nothing is hidden, and
// the missing scope is named (RFC 6750 section 3.1).
function withoutScope(c: HttpContext, operation: Operation, deps: ApiDependencies): Response {
  if (operation.masked === true) throw new ServiceError('not_found')
  return problemResponse(new ServiceError('forbidden'), {
    issuer: deps.issuer,
    requestId: c.get('requestId'),
    extensions: { scope: scopeText(operation.scope) },
    headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scopeText(operation.scope)}"` },
  })
}

/** A scope as the caller is told it; the name of a verifier's service is for the caller to fill in. */
function scopeText(scope: Operation['scope']): string {
  return scope === 'verify' ? verifyScope('SERVICE') : scope
}

function idempotencyKeyOf(c: HttpContext): string | undefined {
  const key = c.req.header('idempotency-key')
  if (key === undefined) return undefined
  if (!/^[\x21-\x7e]{1,128}$/.test(key)) {
    throw new ServiceError('validation_failed', {
      detail: 'Idempotency-Key is 1 to 128 printable characters without spaces',
    })
  }
  return key
}

async function respondOnce(
  c: HttpContext,
  input: { readonly actor: string; readonly key: string; readonly bytes: Uint8Array },
  deps: ApiDependencies,
  work: () => Promise<Reply>,
): Promise<Response> {
  // What makes it the same request: method, path with query, precondition, body.
  const url = URL.parse(c.req.url)
  if (url === null) throw new ServiceError('invalid_request', { detail: 'the Host header or the target is not valid' })
  const { pathname, search } = url
  const request = createHash('sha256')
    .update(JSON.stringify([c.req.method, pathname, search, c.req.header('if-match') ?? '']))
    .update(input.bytes)
    .digest()
  const answer = await deps.idempotency.once({ actor: input.actor, key: input.key, request }, async () => {
    const reply = await work()
    const stored: RepeatableAnswer = {
      status: reply.status,
      body: JSON.stringify({ body: reply.body, headers: reply.headers ?? {} }),
    }
    return stored
  })
  const { body, headers } = JSON.parse(answer.body) as { body?: unknown; headers: Record<string, string> }
  const status = answer.status as Reply['status']
  return toResponse(c, {
    status,
    ...(body === undefined ? {} : { body }),
    headers: { ...headers, ...(answer.repeated ? { 'idempotent-replay': 'true' } : {}) },
  })
}

async function toResponse(c: HttpContext, reply: Reply): Promise<Response> {
  if (reply.lines !== undefined) return streamLines(c, reply.lines, reply.headers ?? {})
  if (reply.status === 204) return new Response(null, { status: 204, headers: { ...reply.headers } })
  return new Response(JSON.stringify(reply.body), {
    status: reply.status,
    headers: { 'content-type': 'application/json', ...reply.headers },
  })
}
