import { ServiceError } from '../../errors.ts'
import {
  type EarlyRefusals,
  type Exchange,
  type ExchangeRequest,
  parseExchangeRequest,
} from '../../federation/index.ts'
import type { AnswerForm, FormRequest } from '../direct.ts'
import { oauthErrorAnswer } from '../errors.ts'
import type { CertificateThumbprint } from './client-certificate.ts'
import { readForm } from './form-body.ts'
import type { RemoteAddress } from './remote-address.ts'

/** What the token endpoint needs. */
export interface TokenEndpointDeps {
  readonly exchange: Exchange
  readonly refusals: EarlyRefusals
  readonly remoteAddress: RemoteAddress
  readonly certificateThumbprint: CertificateThumbprint
}

/**
 * `POST /oauth/token`: the token exchange of RFC 8693, with sender constraint by RFC 9449 or RFC 8705. Refusals carry fixed text and an
 * id; the reason stays with the administrator.
 */
export function createTokenEndpoint(deps: TokenEndpointDeps): AnswerForm {
  const { exchange, refusals, remoteAddress, certificateThumbprint } = deps
  return async (form) => {
    const call = await parse(form, certificateThumbprint)
    if (call instanceof ServiceError) {
      const { code, detail = '' } = call
      return oauthErrorAnswer(call, {
        errorId: refusals.record({ code, stage: 'parse', detail, providerId: undefined }),
      })
    }
    const result = await exchange(call.request, {
      remoteAddress: remoteAddress(form),
      dpopProof: form.dpop,
      certificateThumbprint: call.thumbprint,
    })
    if (!result.ok) {
      const { errorId, retryAfterSeconds } = result
      return oauthErrorAnswer(result.code, {
        errorId,
        ...(retryAfterSeconds ? { headers: { 'retry-after': String(retryAfterSeconds) } } : {}),
      })
    }
    // RFC 8693 section 2.2.1. `scope` is always told: it may be narrower than what was asked for.
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store', pragma: 'no-cache' },
      body: JSON.stringify({
        access_token: result.accessToken,
        issued_token_type: result.issuedTokenType,
        token_type: result.tokenType,
        expires_in: result.expiresInSeconds,
        scope: result.scopes.join(' '),
        event_id: result.eventId,
      }),
    }
  }
}

/** The request, or why it is none. Details of malformed requests are safe to tell: they speak of the form, not of policies. */
async function parse(
  form: FormRequest,
  certificateThumbprint: CertificateThumbprint,
): Promise<{ readonly request: ExchangeRequest; readonly thumbprint: string | undefined } | ServiceError> {
  try {
    const thumbprint = certificateThumbprint(form)
    return { request: parseExchangeRequest(await readForm(form)), thumbprint }
  } catch (error) {
    if (error instanceof ServiceError) return error
    throw error
  }
}
