import { CountersignError, type DpopVerifier } from '@countersign/sdk'
import { ServiceError } from '../../errors.ts'
import type { Confirmation, OwnToken, OwnTokens } from '../../tokens/index.ts'
import type { RequestSender } from '../sender.ts'
import type { CertificateThumbprint } from './client-certificate.ts'

/** An access token as a request presents it. */
export interface PresentedToken extends RequestSender {
  readonly scheme: 'Bearer' | 'DPoP'
  readonly token: string
  readonly method: string
}

/**
 * The token of a caller of the management API, if it may be used so; otherwise undefined, which never says why.
 * @throws ServiceError invalid_dpop_proof (the token is good, its proof is not), invalid_request (a Client-Cert header that may not be
 * believed), overloaded, store_unavailable
 */
export type VerifyCaller = (presented: PresentedToken) => Promise<OwnToken | undefined>

/** What verifying callers needs. */
export interface VerifyCallerDeps {
  readonly ownTokens: Pick<OwnTokens, 'verify'>
  /** The audience of the management API. */
  readonly audience: string
  /** Of the issuer: `htu` is compared with it and the path, never with the Host header. */
  readonly origin: string
  readonly dpop: DpopVerifier
  readonly certificateThumbprint: CertificateThumbprint
}

/**
 * Verifies tokens for the management audience as RFC 9449 section 7 and RFC 8705 section 3 say: one that is bound is accepted only from
 * its holder, and one that is not is no DPoP token.
 */
export function createVerifyCaller({
  ownTokens,
  audience,
  origin,
  dpop,
  certificateThumbprint,
}: VerifyCallerDeps): VerifyCaller {
  function holdsKey({ token, method, path, dpop: proof }: PresentedToken, jkt: string): boolean {
    try {
      dpop.verify({ proof: proof?.split(','), method, url: `${origin}${path}`, accessToken: token, thumbprint: jkt })
      return true
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      if (error.code === 'sender_constraint_failed') return false
      if (error.code === 'dpop_unavailable') throw new ServiceError('overloaded', { cause: error })
      throw new ServiceError('invalid_dpop_proof', { detail: error.message, cause: error })
    }
  }

  return async (presented) => {
    const { scheme, token } = presented
    const thumbprint = certificateThumbprint(presented)
    const confirms = (confirmation: Confirmation): boolean => {
      if ('jkt' in confirmation) return scheme === 'DPoP' && holdsKey(presented, confirmation.jkt)
      return scheme === 'Bearer' && thumbprint !== undefined && confirmation['x5t#S256'] === thumbprint
    }
    const own = await ownTokens.verify(token, audience, confirms)
    const isDpop = own?.confirmation !== undefined && 'jkt' in own.confirmation
    return scheme === 'DPoP' && !isDpop ? undefined : own
  }
}
