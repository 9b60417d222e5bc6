import { toNumericDate } from '../lib/index.ts'
import type { Signer } from '../signing-keys/index.ts'
import type { Confirmation } from './confirmation.ts'

/** What an access token says (RFC 9068; `cs` as design section 5). */
export interface AccessTokenContent {
  readonly issuer: string
  readonly audience: string
  readonly subject: string
  readonly workloadId: string
  readonly jti: string
  readonly scopes: readonly string[]
  readonly issuedAt: Date
  readonly expiresAt: Date
  readonly policyId: string
  readonly providerIds: readonly string[]
  readonly serviceId: string
  /** The revision that the decision was made on: any verifier can apply a revocation by policy or provider offline. */
  readonly revision: number
  /** The event that recorded the decision: services log it, and `countersign explain` takes it. */
  readonly eventId: string
  /** What the token is bound to; undefined: whoever has it may use it. */
  readonly confirmation?: Confirmation | undefined
}

/**
 * Signs an access token: `typ: at+jwt`, one audience, `client_id` is the workload's id and never the request's (RFC 9068 section 2).
 * The caller must have committed the issuance first (invariant 3).
 */
export function signAccessToken(signer: Signer, content: AccessTokenContent): string {
  const payload = JSON.stringify({
    iss: content.issuer,
    sub: content.subject,
    aud: content.audience,
    client_id: content.workloadId,
    iat: toNumericDate(content.issuedAt),
    exp: toNumericDate(content.expiresAt),
    jti: content.jti,
    scope: content.scopes.join(' '),
    // Left out of the text when it is undefined.
    cnf: content.confirmation,
    cs: {
      pol: content.policyId,
      tp: content.providerIds,
      svc: content.serviceId,
      rev: content.revision,
      evt: content.eventId,
    },
  })
  const input = `${headerSegment(signer)}.${Buffer.from(payload).toString('base64url')}`
  return `${input}.${Buffer.from(signer.sign(input)).toString('base64url')}`
}

const headerSegments = new WeakMap<Signer, string>()

function headerSegment(signer: Signer): string {
  let segment = headerSegments.get(signer)
  if (segment === undefined) {
    segment = Buffer.from(JSON.stringify({ alg: signer.alg, typ: 'at+jwt', kid: signer.kid })).toString('base64url')
    headerSegments.set(signer, segment)
  }
  return segment
}
