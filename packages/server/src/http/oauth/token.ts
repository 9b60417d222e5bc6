import { ServiceError } from '../../errors.ts'
import {
  type EarlyRefusals,
  type Exchange,
  type ExchangeRequest,
  type Form,
  parseExchangeRequest,
} from '../../federation/index.ts'
import type { HttpContext } from '../context.ts'
import { oauthError } from '../errors.ts'
import { readForm } from './form-body.ts'
import type { RemoteAddress } from './remote-address.ts'

/** What the token endpoint needs. */
export interface TokenEndpointDeps {
  readonly exchange: Exchange
  readonly refusals: EarlyRefusals
  readonly remoteAddress: RemoteAddress
}

/** `POST /oauth/token`: the token exchange of RFC 8693. Refusals carry fixed text and an id; the reason stays with the administrator. */
export function createTokenEndpoint({ exchange, refusals, remoteAddress }: TokenEndpointDeps) {
  return async (c: HttpContext): Promise<Response> => {
    const request = await parse(c)
    if (request instanceof ServiceError) {
      const errorId = refusals.record({
        code: request.code,
        stage: 'parse',
        detail: request.detail ?? '',
        providerId: undefined,
      })
      return oauthError(c, request, { errorId })
    }
    const result = await exchange(request, { remoteAddress: remoteAddress(c) })
    if (!result.ok) {
      const { errorId, retryAfterSeconds } = result
      return oauthError(c, result.code, {
        errorId,
        ...(retryAfterSeconds ? { headers: { 'retry-after': String(retryAfterSeconds) } } : {}),
      })
    }
    // RFC 8693 section 2.2.1. `scope` is always told: it may be narrower than what was asked for.
    return c.body(
      JSON.stringify({
        access_token: result.accessToken,
        issued_token_type: result.issuedTokenType,
        token_type: 'Bearer',
        expires_in: result.expiresInSeconds,
        scope: result.scopes.join(' '),
        event_id: result.eventId,
      }),
      200,
      { 'content-type': 'application/json', 'cache-control': 'no-store', pragma: 'no-cache' },
    )
  }
}

/** The request, or why it is none. Details of malformed requests are safe to tell: they speak of the form, not of policies. */
async function parse(c: HttpContext): Promise<ExchangeRequest | ServiceError> {
  let form: Form
  try {
    form = await readForm(c)
    return parseExchangeRequest(form)
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
}
