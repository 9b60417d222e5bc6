import { CountersignError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../jws/index.ts'
import type { VerifiedToken } from '../verify/index.ts'

/** One party of a delegation. */
export interface Actor {
  readonly sub: string
  readonly iss?: string
}

/** Who sends a request, as far as the token's signature covers it. Frozen, and shared by the requests of one token. */
export interface Principal {
  /** The workload's id (`wl_…`), the token's `client_id`. */
  readonly workload: string
  /** The workload's URI, the token's `sub`. */
  readonly subject: string
  readonly scopes: readonly string[]
  /** Who acts for the subject (RFC 8693 section 4.1): the present actor first, then whom it acts for. Empty without delegation. */
  readonly actors: readonly Actor[]
  /** The server's event that granted the token, for `countersign events get`; undefined for tokens that name none. */
  readonly eventId: string | undefined
  /** The token's `jti`. */
  readonly tokenId: string
  /** A new Date at each reading. */
  readonly expiresAt: Date
  readonly tokenType: 'Bearer' | 'DPoP'
  /** What the sender has proven beside the token: the key or certificate that the token is bound to. */
  readonly confirmation?: Confirmation
}

/** What a token is bound to (RFC 7800). */
export interface Confirmation {
  /** Thumbprint of the DPoP key (RFC 9449 section 6.1). */
  readonly jkt?: string
  /** SHA-256 of the client certificate, base64url (RFC 8705 section 3.1). */
  readonly x5tS256?: string
}

/** Longest chain of actors that is read (S-08). */
export const MAX_ACTORS = 4

const MAX_NAME_LENGTH = 2048
// RFC 6749 section 3.3.
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const SHA256_TEXT = /^[\w-]{43}$/

/** Whether a text is one scope. */
export function isScopeToken(text: unknown): text is string {
  return typeof text === 'string' && SCOPE_TOKEN.test(text)
}

/**
 * The principal that a verified token names (RFC 9068 section 2.2).
 * @throws CountersignError `claim_missing` or `claim_invalid`: a claim that is not understood is not ignored.
 */
export function describePrincipal({ claims }: VerifiedToken): Principal {
  const confirmation = readConfirmation(own(claims, 'cnf'))
  const expiresAtMs = claims.exp * 1000
  return Object.freeze({
    workload: requiredText(claims, 'client_id'),
    subject: requiredText(claims, 'sub'),
    scopes: Object.freeze(readScopes(own(claims, 'scope'))),
    actors: Object.freeze(readActors(own(claims, 'act'))),
    eventId: readEventId(own(claims, 'cs')),
    tokenId: requiredText(claims, 'jti'),
    get expiresAt() {
      return new Date(expiresAtMs)
    },
    tokenType: confirmation?.jkt === undefined ? 'Bearer' : 'DPoP',
    ...(confirmation !== undefined && { confirmation }),
  } as const)
}

function readScopes(scope: JsonValue | undefined): string[] {
  if (scope === undefined || scope === '') return []
  if (typeof scope !== 'string') throw invalid('scope')
  const scopes = scope.split(' ')
  if (!scopes.every(isScopeToken)) throw invalid('scope')
  return scopes
}

function readActors(act: JsonValue | undefined): Actor[] {
  const actors: Actor[] = []
  for (let current = act; current !== undefined; ) {
    if (!isObject(current) || actors.length === MAX_ACTORS) throw invalid('act')
    const sub = own(current, 'sub')
    const iss = own(current, 'iss')
    if (!isName(sub) || (iss !== undefined && !isName(iss))) throw invalid('act')
    actors.push(Object.freeze({ sub, ...(iss !== undefined && { iss }) }))
    current = own(current, 'act')
  }
  return actors
}

// RFC 7800 section 3.1 lets recipients ignore members that they do not know. Here that would turn a bound token into one
// that anyone can use, so a confirmation is either understood in full or refused (T39).
function readConfirmation(cnf: JsonValue | undefined): Confirmation | undefined {
  if (cnf === undefined) return undefined
  if (!isObject(cnf)) throw invalid('cnf')
  const names = Object.keys(cnf)
  if (names.length === 0 || !names.every((name) => name === 'jkt' || name === 'x5t#S256')) throw invalid('cnf')
  if (!Object.values(cnf).every((value) => typeof value === 'string' && SHA256_TEXT.test(value))) throw invalid('cnf')
  const { jkt, 'x5t#S256': x5tS256 } = cnf as { jkt?: string; 'x5t#S256'?: string }
  return Object.freeze({ ...(jkt !== undefined && { jkt }), ...(x5tS256 !== undefined && { x5tS256 }) })
}

function readEventId(cs: JsonValue | undefined): string | undefined {
  if (cs === undefined) return undefined
  if (!isObject(cs)) throw invalid('cs')
  const eventId = own(cs, 'evt')
  if (eventId !== undefined && !isName(eventId)) throw invalid('cs')
  return eventId
}

function requiredText(claims: JsonObject, name: 'client_id' | 'sub' | 'jti'): string {
  const value = own(claims, name)
  if (value === undefined) throw new CountersignError('claim_missing', { reason: name })
  if (!isName(value)) throw invalid(name)
  return value
}

function isName(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function own(members: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

function invalid(name: string): CountersignError {
  return new CountersignError('claim_invalid', { reason: name })
}
