import { CountersignError } from '@countersign/sdk'
import type { Context } from 'hono'
import { ERRORS, type ErrorCode, ServiceError } from '../errors.ts'

/** Where failures are written for the operator. Pino's logger fits. */
export interface ErrorLog {
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** What a rendered problem needs to know of the request. */
export interface ProblemContext {
  readonly issuer: string
  readonly requestId: string
  /** Extension members of this one problem, e.g. the scope that is lacking. */
  readonly extensions?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

// The only texts that leave an OAuth endpoint for a refused proof: one per OAuth code, so that the answer does not tell an unknown
// audience from an unmatched policy (design section 5). The true reason is in the event that error_id names.
const OAUTH_TEXT: Readonly<Record<string, string>> = {
  invalid_request: 'The subject token was not accepted',
  invalid_target: 'The audience is not granted to this subject token',
  invalid_scope: 'The requested scope is not granted',
  unsupported_grant_type: ERRORS.unsupported_grant_type.title,
  temporarily_unavailable: 'The service is temporarily unavailable',
  server_error: ERRORS.internal_error.title,
}

// These describe the request's own form, so their detail helps the caller and tells nothing else.
const ABOUT_THE_FORM: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'invalid_request',
  'unsupported_grant_type',
  'payload_too_large',
  'unsupported_media_type',
  'method_not_allowed',
  'host_not_allowed',
  'too_many_denials',
  // Told to a caller whose proof was accepted, about what it can send with it: no word of what policies say.
  'invalid_dpop_proof',
  'sender_constraint_required',
])

/**
 * Any thrown value as a ServiceError: itself, or `internal_error` without a message of its own.
 * The original becomes the cause and is never rendered.
 */
export function toServiceError(error: unknown): ServiceError {
  return error instanceof ServiceError ? error : new ServiceError('internal_error', { cause: error })
}

/**
 * Writes what the operator needs of a failure (5xx) to the log; refusals are not logged here, they have events.
 * Of foreign errors only name, code and stack frames are written: their messages can quote input, and input can be a token.
 */
export function logFailure(log: ErrorLog, error: ServiceError, requestId: string): void {
  if (ERRORS[error.code].status < 500) return
  log.error(
    { request_id: requestId, code: error.code, internal: error.internal, cause: describeError(error.cause) },
    ERRORS[error.code].title,
  )
}

/**
 * What a log may hold of an error: its name, its code and its stack frames, and of our own the internal reason. Never the message or
 * further members of a foreign one: those of a database name the row that did not fit, with the claims in it (invariant 5, T29).
 */
export function describeError(cause: unknown, depth = 0): Readonly<Record<string, unknown>> | undefined {
  if (cause === undefined || depth > 3) return undefined
  if (!(cause instanceof Error)) return { name: typeof cause }
  const code = (cause as { code?: unknown }).code
  return {
    name: /^[A-Za-z]{1,64}$/.test(cause.name) ? cause.name : 'Error',
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/i.test(code) ? { code } : {}),
    ...(depth === 0 && cause instanceof ServiceError && cause.internal !== undefined
      ? { internal: cause.internal }
      : {}),
    // The SDK promises fixed words in these.
    ...(cause instanceof CountersignError ? { message: cause.message } : {}),
    frames: framesOf(cause),
    ...(cause.cause === undefined ? {} : { cause: describeError(cause.cause, depth + 1) }),
  }
}

// The stack begins with the message, which may itself have lines that look like frames.
function framesOf(error: Error): readonly string[] {
  const stack = error.stack ?? ''
  const start = stack.indexOf(error.message) + error.message.length
  return stack
    .slice(start)
    .split('\n')
    .filter((line) => /^ {4}at [^\n]{1,400}:\d+:\d+\)?$/.test(line))
    .map((line) => line.trim())
}

function retryAfter(code: ErrorCode): Readonly<Record<string, string>> {
  const status = ERRORS[code].status
  if (status === 429) return { 'retry-after': '60' }
  return status === 503 ? { 'retry-after': '2' } : {}
}

/** An answer before it is written to any transport. */
export interface PlainAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What an OAuth error may say beside its code. */
export interface OAuthErrorOptions {
  readonly errorId?: string
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * The RFC 6749 section 5.2 answer to a refused or failed call of an OAuth endpoint: `error`, fixed text, and the `error_id` that
 * `countersign explain` takes. Never cached; nothing of the proof or of the decision is in it.
 */
export function oauthErrorAnswer(error: ErrorCode | ServiceError, options: OAuthErrorOptions = {}): PlainAnswer {
  const code = typeof error === 'string' ? error : error.code
  const { status, title, oauth } = ERRORS[code]
  const oauthCode = oauth ?? (status < 500 ? 'invalid_request' : 'server_error')
  const detail = typeof error === 'string' ? undefined : error.detail
  const text = ABOUT_THE_FORM.has(code)
    ? detail === undefined
      ? title
      : `${title}: ${detail}`
    : (OAUTH_TEXT[oauthCode] ?? ERRORS.internal_error.title)
  const description = options.errorId === undefined ? text : `${text} (error id ${options.errorId})`
  const body = {
    error: oauthCode,
    error_description: toDescriptionText(description),
    ...(options.errorId === undefined ? {} : { error_id: options.errorId }),
  }
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      ...retryAfter(code),
      ...options.headers,
    },
    body: JSON.stringify(body),
  }
}

/** {@link oauthErrorAnswer} as a response. */
export function oauthError(c: Context, error: ErrorCode | ServiceError, options: OAuthErrorOptions = {}): Response {
  const { status, headers, body } = oauthErrorAnswer(error, options)
  return c.body(body, status as 400, headers)
}

// RFC 6749 section 5.2: error_description holds %x20-21 / %x23-5B / %x5D-7E only.
function toDescriptionText(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
}

/**
 * The RFC 9457 answer of the management API: `type` is this installation's documentation of the code, `instance` names the request,
 * `errors` has one entry per fault with its JSON pointer. Holds public text only.
 */
export function problemResponse(error: ServiceError, context: ProblemContext): Response {
  const { status, title, fix } = ERRORS[error.code]
  const body = {
    type: `${context.issuer.replace(/\/+$/, '')}/docs/errors#${error.code}`,
    title,
    status,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    instance: `urn:countersign:request:${context.requestId}`,
    code: error.code,
    ...(error.problems.length === 0 ? {} : { errors: error.problems }),
    request_id: context.requestId,
    fix,
    ...context.extensions,
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...retryAfter(error.code),
      ...context.headers,
    },
  })
}
