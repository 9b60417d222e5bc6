import { hash } from 'node:crypto'
import type { CountersignError, CountersignErrorCode } from '../errors.ts'
import { parseCompactJws, parseStrictJsonObject } from '../jws/index.ts'
import type { Refusal } from './refusal.ts'

/** Why a request was refused: a code of `CountersignError`, or one of the codes that only a request can have. */
export type RefusalCode = CountersignErrorCode | RequestFault

/** A refused request, for a log. Holds no token, and nothing from which one could be made. */
export interface RefusalReport {
  readonly status: Refusal['status']
  readonly code: RefusalCode
  /** A fixed sentence, without anything of the request. */
  readonly message: string
  /** The first 16 hexadecimal digits of the token's SHA-256: the same token has the same ones. */
  readonly tokenDigest?: string
  /** As the token says it, which is its bearer's word unless the code is `scope_missing`; printable and short, or left out. */
  readonly jti?: string
  /** As `jti`. */
  readonly kid?: string
}

const MESSAGES = {
  credential_missing: 'the request has no access token',
  request_malformed: 'the access token is not presented in exactly one acceptable way',
  scope_missing: 'the access token lacks a scope',
} as const

/** What only a request can be refused for. */
export type RequestFault = keyof typeof MESSAGES

/** The report of a refusal, for what was wrong with the request or with its token. */
export function describeRefusal(
  refusal: Refusal,
  fault: RequestFault | CountersignError,
  token?: string,
): RefusalReport {
  const { status } = refusal
  const { code, message } = typeof fault === 'string' ? { code: fault, message: MESSAGES[fault] } : fault
  if (token === undefined) return { status, code, message }
  return { status, code, message, tokenDigest: hash('sha256', token).slice(0, 16), ...namesIn(token) }
}

function namesIn(token: string): { jti?: string; kid?: string } {
  try {
    const { header, unverifiedPayload } = parseCompactJws(token)
    const claims = parseStrictJsonObject(unverifiedPayload)
    const jti = Object.hasOwn(claims, 'jti') ? claims['jti'] : undefined
    return { ...(isLoggable(jti) && { jti }), ...(isLoggable(header.kid) && { kid: header.kid }) }
  } catch {
    // What cannot be read has no names; the code says that it could not.
    return {}
  }
}

// A line of a log must stay one line, and whoever chose these names must not be able to write a token into it.
function isLoggable(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.:~-]{1,128}$/.test(value)
}
