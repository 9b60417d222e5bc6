import type { Actor } from '../../admin/index.ts'
import { ServiceError } from '../../errors.ts'
import { type HttpContext, listenerOf } from '../context.ts'
import { problemResponse } from '../errors.ts'
import type { ApiDependencies } from './dependencies.ts'

/** Who calls, or the 401 that the caller gets. */
export type CallerOutcome = { readonly actor: Actor } | { readonly refusal: Response }

// RFC 6750 section 2.1
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

/**
 * Finds out who calls. A bearer token speaks for itself on every listener; without one, only a connection to the administration
 * socket has an actor, because the operating system let it in. No header ever makes anyone `local-socket`: a request that a proxy
 * forwarded to the socket is refused, since the proxy's right to the socket is not its client's.
 */
export async function identifyCaller(c: HttpContext, deps: ApiDependencies): Promise<CallerOutcome> {
  const header = c.req.header('authorization')
  if (header !== undefined && /^bearer\b/i.test(header)) {
    const token = BEARER.exec(header)?.[1]
    const actor = token === undefined ? undefined : await deps.authenticate(token)
    // RFC 6750 section 3.1: one code for malformed, expired, revoked and foreign tokens.
    return actor === undefined ? { refusal: unauthenticated(c, deps, 'Bearer error="invalid_token"') } : { actor }
  }
  if (listenerOf(c) === 'local-socket' && header === undefined) {
    if (['forwarded', 'x-forwarded-for', 'via'].some((name) => c.req.header(name) !== undefined)) {
      throw new ServiceError('cross_site_refused', { detail: 'the administration socket takes no forwarded requests' })
    }
    return { actor: deps.localActor }
  }
  // RFC 6750 section 3.1: without credentials no error code is given.
  return { refusal: unauthenticated(c, deps, 'Bearer') }
}

function unauthenticated(c: HttpContext, deps: ApiDependencies, challenge: string): Response {
  return problemResponse(new ServiceError('unauthenticated'), {
    issuer: deps.issuer,
    requestId: c.get('requestId'),
    headers: { 'www-authenticate': challenge },
  })
}
