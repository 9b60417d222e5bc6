import { hash, timingSafeEqual } from 'node:crypto'
import type { DpopNonces, DpopVerifier } from '../dpop/index.ts'
import { CountersignError } from '../errors.ts'
import type { PresentedToken } from './credential.ts'
import { type PresentedRequest, pathOf } from './presented-request.ts'
import type { Principal } from './principal.ts'

/** How the sender of a request is compared with whom its token is bound to. */
export interface SenderRules {
  /** Whether tokens that are bound to nothing are refused. */
  readonly required: boolean
  readonly dpop:
    | { readonly origin: string; readonly verifier: DpopVerifier; readonly nonces: DpopNonces | undefined }
    | undefined
  /** Whether the certificate is taken from the `Client-Cert` header, which a proxy sets, instead of the connection. */
  readonly certificateFromHeader: boolean
}

/**
 * Refuses a request whose sender has not proven to be the one that its token is bound to (T39; RFC 9449 section 7, RFC
 * 8705 section 3). A token that is bound to a key and to a certificate needs both.
 * @throws CountersignError `sender_constraint_missing`, `sender_constraint_failed`, or those of a `DpopVerifier`.
 */
export function verifySender(
  principal: Principal,
  presented: PresentedToken,
  request: PresentedRequest,
  rules: SenderRules,
): void {
  const { confirmation } = principal
  if (confirmation === undefined) {
    if (presented.scheme === 'DPoP') throw failed('the token is not bound to a key')
    if (rules.required) throw missing('the token is bound to nothing')
    return
  }
  // The certificate first: comparing it uses nothing up.
  if (confirmation.x5tS256 !== undefined) verifyCertificate(confirmation.x5tS256, request, rules)
  // RFC 9449 section 7.2: a bound token presented as a plain one is refused. Also where DPoP is not configured at all.
  if (presented.scheme === 'Bearer' && confirmation.jkt !== undefined) throw missing('it was sent without DPoP')
  if (presented.scheme === 'DPoP') verifyProof(confirmation.jkt, presented.token, request, rules)
}

function verifyProof(
  thumbprint: string | undefined,
  accessToken: string,
  request: PresentedRequest,
  { dpop }: SenderRules,
): void {
  if (thumbprint === undefined || dpop === undefined) throw failed('the token is not bound to a key')
  const path = pathOf(request.target)
  if (path === undefined) throw failed('the request has no path')
  dpop.verifier.verify({
    proof: request.values('dpop'),
    method: request.method,
    // RFC 9449 section 4.3, step 9. The origin is configured: a Host header would let the proof choose what it is for.
    url: dpop.origin + path,
    accessToken,
    thumbprint,
    ...(dpop.nonces !== undefined && { nonce: dpop.nonces.accepted() }),
  })
}

// RFC 8705 section 3.1. The handshake has proven that the peer holds the certificate's key, whoever issued it.
function verifyCertificate(expected: string, request: PresentedRequest, rules: SenderRules): void {
  const certificate = rules.certificateFromHeader
    ? parseClientCertificate(request.values('client-cert'))
    : request.peerCertificate()
  if (certificate === undefined) throw missing('there is no client certificate')
  if (!timingSafeEqual(Buffer.from(hash('sha256', certificate, 'base64url')), Buffer.from(expected))) {
    throw failed('the client certificate is another')
  }
}

const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/

/** The DER of a `Client-Cert` header (RFC 9440 section 2.2: one structured byte sequence), or undefined for anything else. */
export function parseClientCertificate(value: string | readonly string[] | undefined): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  const text = BYTE_SEQUENCE.exec(value)?.[1]
  if (text === undefined) return undefined
  const der = Buffer.from(text, 'base64')
  return der.toString('base64') === text ? der : undefined
}

function missing(reason: string): CountersignError {
  return new CountersignError('sender_constraint_missing', { reason })
}

function failed(reason: string): CountersignError {
  return new CountersignError('sender_constraint_failed', { reason })
}
