import { CountersignError } from '../errors.ts'
import { type JsonObject, parseStrictJsonObject } from '../jws/index.ts'
import { AnswerError, parseOAuthError } from './answer-error.ts'
import type { Answer } from './request.ts'
import { parseRetryAfter } from './retry-after.ts'

/** Longest life that an answer is believed to grant; a token that lives longer is exchanged anew after a day. */
const MAX_LIFETIME_SECONDS = 86_400
const MAX_TOKEN_LENGTH = 16_384
const MAX_SCOPES = 1000
const TYPE = 'urn:ietf:params:oauth:token-type:'
const JSON_TYPE = /^application\/json *(?:;|$)/i

/** What an acceptable answer grants. */
export interface TokenAnswer {
  readonly accessToken: string
  readonly tokenType: 'Bearer' | 'DPoP'
  readonly lifetimeSeconds: number
  readonly scopes: readonly string[]
  readonly eventId: string | undefined
}

/** What was asked for. */
export interface TokenExpectation {
  readonly tokenType: TokenAnswer['tokenType']
  readonly scopes: readonly string[]
  readonly now: Date
}

/**
 * The token of a token endpoint's answer (RFC 8693 section 2.2.1), or why there is none.
 * @throws CountersignError exchange_refused with the event's id, exchange_unavailable, response_refused; no message holds text of
 * the answer beyond the known error words
 */
export function parseTokenAnswer(answer: Answer, expected: TokenExpectation): TokenAnswer {
  if (answer.status !== 200) throw readRefusal(answer, expected.now)
  if (!JSON_TYPE.test(answer.headers.get('content-type') ?? '')) throw refused('its content type is not JSON')
  const body = parseStrictJsonObject(answer.body, { malformed: 'response_refused', tooLarge: 'response_refused' })
  const accessToken = body['access_token']
  // RFC 6750 section 2.1: what a header can carry, and nothing that could add one.
  if (
    typeof accessToken !== 'string' ||
    accessToken.length > MAX_TOKEN_LENGTH ||
    !/^[A-Za-z0-9._~+/-]+=*$/.test(accessToken)
  ) {
    throw refused('it holds no access token')
  }
  const issuedType = body['issued_token_type']
  if (issuedType !== `${TYPE}access_token` && issuedType !== `${TYPE}jwt`) throw refused('it is not an access token')
  return {
    accessToken,
    tokenType: readTokenType(body, expected),
    lifetimeSeconds: readLifetime(body),
    scopes: readScopes(body, expected),
    eventId: readId(body['event_id']),
  }
}

function readTokenType(body: JsonObject, expected: TokenExpectation): TokenAnswer['tokenType'] {
  const type = body['token_type']
  // RFC 6749 section 5.1: case-insensitive. RFC 9449 section 5: a client that wants its tokens bound discards one that is not.
  if (typeof type !== 'string' || type.toLowerCase() !== expected.tokenType.toLowerCase()) {
    throw refused(`its token type is not ${expected.tokenType}`)
  }
  return expected.tokenType
}

// A token without a known end would be used for ever.
function readLifetime(body: JsonObject): number {
  const seconds = body['expires_in']
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 1) {
    throw refused('it does not say for how long the token is valid')
  }
  return Math.min(Math.floor(seconds), MAX_LIFETIME_SECONDS)
}

// RFC 6749 section 5.1: left out when it is what was asked for.
function readScopes(body: JsonObject, expected: TokenExpectation): readonly string[] {
  const scope = body['scope']
  if (scope === undefined) return expected.scopes
  if (typeof scope !== 'string' || !/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(scope))
    throw refused('its scope is no scope')
  const scopes = scope.split(' ').filter((name) => name !== '')
  if (scopes.length > MAX_SCOPES) throw refused('its scope is no scope')
  return scopes
}

function readRefusal({ status, headers, body }: Answer, now: Date): CountersignError {
  if (status >= 200 && status < 400) {
    return refused(status >= 300 ? 'it is a redirect, which is never followed' : 'its status is not 200')
  }
  const document = JSON_TYPE.test(headers.get('content-type') ?? '') ? parseLeniently(body) : undefined
  const word = parseOAuthError(document?.['error'])
  const eventId = readId(document?.['error_id'])
  const cause = new AnswerError(status, word, parseRetryAfter(headers.get('retry-after'), now))
  const more = { reason: cause.message, cause, ...(eventId === undefined ? {} : { eventId }) }
  if (status === 429 || status >= 500) return new CountersignError('exchange_unavailable', more)
  // Whatever else answers 404 there is no token endpoint, and refuses nothing.
  if (typeof document?.['error'] !== 'string') return new CountersignError('response_refused', more)
  return new CountersignError('exchange_refused', more)
}

function parseLeniently(body: Buffer): JsonObject | undefined {
  try {
    return parseStrictJsonObject(body, { malformed: 'response_refused', tooLarge: 'response_refused' })
  } catch {
    // The status has said what matters.
    return undefined
  }
}

// The id is shown to people and pasted into a shell: nothing but an id.
function readId(value: unknown): string | undefined {
  return typeof value === 'string' && /^[a-z]{1,10}_[0-9A-Za-z]{1,64}$/.test(value) ? value : undefined
}

function refused(reason: string): CountersignError {
  return new CountersignError('response_refused', { reason })
}
