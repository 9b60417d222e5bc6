import type { Actor } from '../../admin/index.ts'
import { ServiceError } from '../../errors.ts'
import { type HttpContext, listenerOf } from '../context.ts'
import { problemResponse } from '../errors.ts'
import { parseAuthorization, senderOf } from '../sender.ts'
import type { ApiDependencies } from './dependencies.ts'

/** Who calls, or the 401 that the caller gets. */
export type CallerOutcome = { readonly actor: Actor } | { readonly refusal: Response }

/**
 * Finds out who calls. A token (bearer, or bound with DPoP) speaks for itself on every listener; without one, only a connection to the administration
 * socket has an actor, because the operating system let it in. No header ever makes anyone `local-socket`: a request that a proxy
 * forwarded to the socket is refused, since the proxy's right to the socket is not its client's.
 */
export async function identifyCaller(c: HttpContext, deps: ApiDependencies): Promise<CallerOutcome> {
  const header = c.req.header('authorization')
  const credential = parseAuthorization(header)
  if (credential !== undefined) {
    const { scheme, token } = credential
    // RFC 9449 section 7.1: who sends DPoP is told the algorithms.
    const algorithms = scheme === 'DPoP' ? `, algs="${deps.dpopAlgorithms?.join(' ') ?? ''}"` : ''
    const refusal = (code: string) => ({ refusal: unauthenticated(c, deps, `${scheme} error="${code}"${algorithms}`) })
    try {
      const sender = { ...senderOf(c), scheme, method: c.req.method }
      const actor = token === undefined ? undefined : await deps.authenticate(token, sender)
      // RFC 6750 section 3.1: one code for malformed, expired, revoked, foreign tokens and those that are bound to somebody else.
      return actor === undefined ? refusal('invalid_token') : { actor }
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'invalid_dpop_proof') return refusal('invalid_dpop_proof')
      throw error
    }
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
