import { CountersignError, createTokenVerifier } from '@countersign/sdk'
import type { JsonObject, Now } from '../lib/index.ts'
import type { RevocableToken, Revocations } from '../revocation/index.ts'
import type { KeyRing, SigningAlgorithm } from '../signing-keys/index.ts'

const ALGORITHMS: readonly SigningAlgorithm[] = ['ES256', 'RS256', 'Ed25519']

/** A token of ours that has verified and is not revoked. */
export interface OwnToken extends RevocableToken {
  readonly audience: string
  readonly scopes: readonly string[]
  readonly expiresAt: Date
}

/** What verifying our own tokens needs. */
export interface OwnTokensDeps {
  readonly issuer: string
  readonly keyRing: KeyRing
  readonly revocations: Revocations
  readonly now: Now
}

/** Verifies tokens that this installation issued, for the server itself. */
export interface OwnTokens {
  /** The token if it is ours, for this audience, current and not revoked; otherwise undefined. Never says which. */
  verify(token: string, audience: string): Promise<OwnToken | undefined>
  /** The same whatever its audience, for the holder's own acts (RFC 7009); grants nothing. */
  verifyAnyAudience(token: string): Promise<OwnToken | undefined>
}

/** The server as a verifier of its own tokens: the strict verifier of the SDK over the current key ring, then revocations. */
export function createOwnTokens({ issuer, keyRing, revocations, now }: OwnTokensDeps): OwnTokens {
  const verify: OwnTokens['verify'] = async (token, audience) => {
    const verifier = createTokenVerifier({ issuer, audience, algorithms: ALGORITHMS, jwks: keyRing.jwks(), now })
    let verified: Awaited<ReturnType<typeof verifier.verify>>
    try {
      verified = await verifier.verify(token)
    } catch (error) {
      if (error instanceof CountersignError) return undefined
      throw error
    }
    const own = toOwnToken(verified.claims as JsonObject, verified.header.kid ?? '')
    return own && !revocations.isRevoked(own) ? own : undefined
  }
  return {
    verify,
    async verifyAnyAudience(token) {
      const audience = unverifiedAudience(token)
      return audience === undefined ? undefined : verify(token, audience)
    },
  }
}

/** The audience that an unverified token names; only ever used as the audience that the token is then verified against. */
function unverifiedAudience(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const audience = (claims as { aud?: unknown } | null)?.aud
    return typeof audience === 'string' ? audience : undefined
  } catch {
    return undefined
  }
}

function toOwnToken(claims: JsonObject, kid: string): OwnToken | undefined {
  const { jti, sub, aud, client_id: clientId, scope, exp, cs } = claims
  if (typeof jti !== 'string' || typeof sub !== 'string' || typeof aud !== 'string' || typeof clientId !== 'string')
    return
  if (typeof scope !== 'string' || typeof exp !== 'number' || typeof cs !== 'object' || cs === null) return
  const { pol, tp, svc, rev } = cs as JsonObject
  if (typeof pol !== 'string' || typeof rev !== 'number' || !Array.isArray(tp)) return
  return {
    jti,
    kid,
    subject: sub,
    audience: aud,
    workloadIds: [clientId],
    policyId: pol,
    providerIds: tp.filter((id): id is string => typeof id === 'string'),
    serviceId: typeof svc === 'string' ? svc : undefined,
    revision: rev,
    scopes: scope === '' ? [] : scope.split(' '),
    expiresAt: new Date(exp * 1000),
  }
}
