import type { JsonObject, Now } from '../lib/index.ts'
import { tokenTypeOf } from './confirmation.ts'
import type { OwnToken, OwnTokens } from './own.ts'

/** What introspecting needs. */
export interface IntrospectDeps {
  readonly ownTokens: Pick<OwnTokens, 'verifyAnyAudience'>
  /** The services that there are, under the names that scopes call them by. */
  readonly services: () => Iterable<{ readonly id: string; readonly name: string }>
  readonly now: Now
}

/** Tells of a token what RFC 7662 section 2.2 says, to a caller with these scopes on the management service. */
export type Introspect = (token: string, callerScopes: readonly string[]) => Promise<JsonObject>

/** Whether the scopes let a caller ask at all (RFC 7662 section 2.1: an open endpoint would be for scanning tokens). */
export function mayIntrospect(scopes: readonly string[]): boolean {
  return scopes.some((scope) => scope === INTROSPECT_ALL || scope.startsWith(VERIFY))
}

const INTROSPECT_ALL = 'tokens:introspect'
const VERIFY = 'verify:'
const MAX_TOKEN_LENGTH = 16 * 1024

/**
 * RFC 7662 over our own tokens. Only who verifies for the token's service (`verify:NAME`), or holds `tokens:introspect`, learns
 * anything; for everybody else, and for whatever is unknown, foreign, malformed, expired or revoked, the one answer is
 * `{"active":false}` (T22, T23).
 */
export function createIntrospect({ ownTokens, services, now }: IntrospectDeps): Introspect {
  const isAudience = (own: OwnToken, scopes: readonly string[]) => {
    if (scopes.includes(INTROSPECT_ALL)) return true
    for (const { id, name } of services()) if (id === own.serviceId) return scopes.includes(`${VERIFY}${name}`)
    return false
  }
  return async (token, callerScopes) => {
    const own = token.length <= MAX_TOKEN_LENGTH ? await ownTokens.verifyAnyAudience(token) : undefined
    // Without the leeway that a verifier grants to clocks: this clock is the issuer's own.
    if (!own || !(own.expiresAt > now()) || !isAudience(own, callerScopes)) return { active: false }
    const { scope, client_id, sub, aud, iss, exp, iat, jti, cnf, act, cs } = own.claims
    const answer = {
      active: true,
      scope,
      client_id,
      token_type: tokenTypeOf(own.confirmation),
      exp,
      iat,
      sub,
      aud,
      iss,
      jti,
    }
    return withoutAbsent({ ...answer, cnf, act, cs })
  }
}

function withoutAbsent(members: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter((member): member is [string, JsonObject[string]] => member[1] !== undefined),
  )
}
