/** Error words of OAuth 2.0 and its extensions that a token endpoint may answer; any other word is not repeated to anybody. */
const OAUTH_ERRORS = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'access_denied',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'server_error',
  'temporarily_unavailable',
] as const

/** An error word of RFC 6749 section 5.2, RFC 8707 or RFC 9449. */
export type OAuthErrorWord = (typeof OAUTH_ERRORS)[number]

/** The word, if it is one of those known. */
export function parseOAuthError(value: unknown): OAuthErrorWord | undefined {
  return OAUTH_ERRORS.find((word) => word === value)
}

/**
 * How a server refused, as data: the cause of `exchange_refused`, `exchange_unavailable` and `proof_unavailable` where an answer came.
 * Holds no text of the answer beyond the known words.
 */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly status: number
  /** The error word of the answer, when it is a known one. */
  readonly oauthError: OAuthErrorWord | undefined
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, oauthError?: OAuthErrorWord, retryAfterMs?: number) {
    super(`the server answered ${status}${oauthError === undefined ? '' : ` ${oauthError}`}`)
    this.status = status
    this.oauthError = oauthError
    this.retryAfterMs = retryAfterMs
  }
}
