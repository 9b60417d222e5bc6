import {
  CountersignError,
  createStaticKeySet,
  createTokenVerifier,
  type KeySource,
  parseUnverifiedToken,
  type UnverifiedToken,
  type VerifiedToken,
} from '@countersign/sdk'
import { ServiceError } from '../errors.ts'
import type { JsonObject, Now } from '../lib/index.ts'
import type { RevocableToken, Revocations } from '../revocation/index.ts'
import type { KeyRing, SigningAlgorithm } from '../signing-keys/index.ts'
import { type Confirmation, parseConfirmation } from './confirmation.ts'

const ALGORITHMS: readonly SigningAlgorithm[] = ['ES256', 'RS256', 'Ed25519']

/** Above this age of its last look at the revision log, an instance does not know what has been revoked, and accepts no token. */
const MAX_HEAD_AGE_MS = 5_000

/** A token of ours that has verified and is not revoked. */
export interface OwnToken extends RevocableToken {
  readonly audience: string
  readonly scopes: readonly string[]
  readonly expiresAt: Date
  /** What the token is bound to; undefined: nothing. */
  readonly confirmation: Confirmation | undefined
  /** Everything that the signature covers. */
  readonly claims: JsonObject
}

/** Whether the caller has proven to hold what a token is bound to. May throw, which refuses as well. */
export type ConfirmsHolder = (confirmation: Confirmation) => boolean

/** What verifying our own tokens needs. */
export interface OwnTokensDeps {
  readonly issuer: string
  readonly keyRing: KeyRing
  readonly revocations: Pick<Revocations, 'isRevoked'>
  /** How long ago the head of the revision log was read, by the monotonic clock. */
  readonly headAgeMs: () => number
  readonly now: Now
}

/** Verifies tokens that this installation issued, for the server itself. */
export interface OwnTokens {
  /**
   * The token if it is ours, for this audience, current and not revoked; otherwise undefined. Never says which. A bound token is
   * accepted only when `confirms` says so of what it is bound to: without it a token with `cnf` is nobody's (RFC 9449 section 7.2).
   * @throws ServiceError store_unavailable for a token that verifies while the revision log has not been read for 5 s
   */
  verify(token: string, audience: string, confirms?: ConfirmsHolder): Promise<OwnToken | undefined>
  /** The same whatever its audience and binding, for ending a token (RFC 7009) and for telling of it (RFC 7662). Grants nothing. */
  verifyAnyAudience(token: string): Promise<OwnToken | undefined>
}

/** The server as a verifier of its own tokens: the strict verifier of the SDK over the current key ring, then revocations. */
export function createOwnTokens(deps: OwnTokensDeps): OwnTokens {
  const { issuer, keyRing, revocations, headAgeMs, now } = deps
  const currentKeys = createCurrentKeys(issuer, keyRing)

  async function verify(read: UnverifiedToken, audience: string): Promise<OwnToken | undefined> {
    // Over keys at hand a verifier is no more than its rules. None is kept: strangers choose audiences, and would choose what is kept.
    const verifier = createTokenVerifier({ issuer, audience, algorithms: ALGORITHMS, keys: currentKeys(), now })
    const verified = await refusedAsUndefined<VerifiedToken>(() => verifier.verify(read))
    if (!verified) return undefined
    const own = toOwnToken(verified.claims as JsonObject, verified.header.kid ?? '')
    if (!own || revocations.isRevoked(own)) return undefined
    // Only now: whoever holds no token of ours learns nothing of the state of the server. Not negated: no number is too old as well.
    if (!(headAgeMs() <= MAX_HEAD_AGE_MS)) {
      throw new ServiceError('store_unavailable', { internal: 'the revision log has not been read for 5 s' })
    }
    return own
  }

  return {
    async verify(token, audience, confirms) {
      const read = await refusedAsUndefined(() => parseUnverifiedToken(token))
      const own = read && (await verify(read, audience))
      // Last, so that proofs of strangers cost nothing and take up no room.
      return own && (own.confirmation === undefined || confirms?.(own.confirmation) === true) ? own : undefined
    },
    async verifyAnyAudience(token) {
      const read = await refusedAsUndefined(() => parseUnverifiedToken(token))
      // Only ever used as the audience that the token is then verified against.
      const audience = read?.unverifiedText('aud')
      return read && typeof audience === 'string' && audience !== '' ? verify(read, audience) : undefined
    },
  }
}

/**
 * The ring's public keys, imported once for each set of them: an import costs more than a signature check, and whoever sends a token
 * causes it before he is known (S-13). The ring is asked each time, so a key that leaves it stops verifying at once (G-02).
 */
function createCurrentKeys(issuer: string, keyRing: KeyRing): () => KeySource {
  let current: { readonly kids: string; readonly keys: KeySource } | undefined
  return () => {
    const jwks = keyRing.jwks()
    // A kid is the thumbprint of its key (G-04), so equal lists of them are equal sets of keys.
    const kids = JSON.stringify(jwks.keys.map((key) => key['kid']))
    if (current?.kids !== kids) current = { kids, keys: createStaticKeySet(jwks, { issuer, algorithms: ALGORITHMS }) }
    return current.keys
  }
}

async function refusedAsUndefined<T>(work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CountersignError) return undefined
    throw error
  }
}

function toOwnToken(claims: JsonObject, kid: string): OwnToken | undefined {
  const { jti, sub, aud, client_id: clientId, scope, iat, exp, cnf, cs } = claims
  if (typeof jti !== 'string' || typeof sub !== 'string' || typeof aud !== 'string') return
  if (typeof clientId !== 'string' || typeof scope !== 'string') return
  if (typeof iat !== 'number' || typeof exp !== 'number' || typeof cs !== 'object' || cs === null) return
  const { pol, tp, svc, rev } = cs as JsonObject
  if (typeof pol !== 'string' || typeof rev !== 'number' || !Array.isArray(tp)) return
  const confirmation = cnf === undefined ? undefined : parseConfirmation(cnf)
  if (cnf !== undefined && confirmation === undefined) return
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
    issuedAt: new Date(iat * 1000),
    expiresAt: new Date(exp * 1000),
    confirmation,
    claims,
  }
}
