import type { CountersignError } from '../errors.ts'

/** The body of a refusal (RFC 9457). Holds nothing of the request. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The OAuth error code, where the answer has one. */
  readonly code?: string
}

/** The whole answer to a request that is not admitted. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 503
  /** Several challenges share one field (RFC 9110 section 11.6.1), as web-standard headers would join them anyway. */
  readonly headers: Readonly<Record<string, string>>
  readonly problem: Problem
  /** The problem as JSON. */
  readonly body: string
}

/** What the challenges of one API say about it. */
export interface ChallengeText {
  readonly realm: string
  readonly scopes: readonly string[]
  readonly resourceMetadata: string | undefined
  /** The algorithms of proofs; undefined where DPoP is not offered. */
  readonly dpopAlgorithms: readonly string[] | undefined
}

type Scheme = 'Bearer' | 'DPoP'

/** Every answer that an API gives, made once. */
export interface Refusals {
  readonly none: Refusal
  readonly malformed: Refusal
  readonly scope: Readonly<Record<Scheme, Refusal>>
  /** The answer to a token that is not accepted: one for all reasons (V-21), except that proofs and outages have their own. */
  forError(error: CountersignError, scheme: Scheme, nonce: (() => string) | undefined): Refusal
}

const TITLES = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' } as const
const RETRY_AFTER_SECONDS = 5

/** The answers of an API (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9728 section 5.1, RFC 9457). */
export function createRefusals(text: ChallengeText): Refusals {
  const challenge = (scheme: Scheme, error?: string, scope?: string): string => {
    const algorithms = scheme === 'DPoP' ? text.dpopAlgorithms?.join(' ') : undefined
    const parameters = Object.entries({
      realm: text.realm,
      error,
      scope,
      algs: algorithms,
      resource_metadata: text.resourceMetadata,
    })
    const written = parameters.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quote(value)}`]))
    return `${scheme} ${written.join(', ')}`
  }
  // Whoever sent a plain token, or none, learns that DPoP is an option (RFC 9449 section 7.2).
  const alone = (scheme: Scheme, error?: string): string =>
    scheme === 'Bearer' && text.dpopAlgorithms !== undefined
      ? `${challenge(scheme, error)}, ${challenge('DPoP')}`
      : challenge(scheme, error)
  const perScheme = (make: (scheme: Scheme) => Refusal) => ({ Bearer: make('Bearer'), DPoP: make('DPoP') })

  const none = refusal(401, 'This resource needs an access token.', undefined, {
    'WWW-Authenticate': alone('Bearer'),
  })
  const malformed = refusal(
    400,
    'The access token is not presented in exactly one acceptable way.',
    'invalid_request',
    { 'WWW-Authenticate': challenge('Bearer', 'invalid_request') },
  )
  const invalid = perScheme((scheme) =>
    refusal(401, 'The access token is not accepted.', 'invalid_token', {
      'WWW-Authenticate': alone(scheme, 'invalid_token'),
    }),
  )
  const scope = perScheme((scheme) =>
    refusal(403, 'The access token does not have the scopes that this resource needs.', 'insufficient_scope', {
      'WWW-Authenticate': challenge(scheme, 'insufficient_scope', text.scopes.join(' ')),
    }),
  )
  const proof = refusal(401, 'The DPoP proof is not accepted.', 'invalid_dpop_proof', {
    'WWW-Authenticate': challenge('DPoP', 'invalid_dpop_proof'),
  })
  const nonce = refusal(401, 'The DPoP proof needs the nonce of this answer.', 'use_dpop_nonce', {
    'WWW-Authenticate': challenge('DPoP', 'use_dpop_nonce'),
  })
  // Says nothing about the token: it has not been judged.
  const unavailable = refusal(503, 'Access tokens cannot be checked now.', undefined, {
    'Retry-After': String(RETRY_AFTER_SECONDS),
  })

  return {
    none,
    malformed,
    scope,
    forError(error, scheme, currentNonce) {
      if (error.retryable) return unavailable
      switch (error.code) {
        case 'dpop_proof_invalid':
        case 'dpop_proof_replayed':
          return proof
        case 'dpop_nonce_mismatch':
          if (currentNonce === undefined) return proof
          return { ...nonce, headers: { ...nonce.headers, 'DPoP-Nonce': currentNonce() } }
        default:
          return invalid[scheme]
      }
    },
  }
}

function refusal(
  status: Refusal['status'],
  detail: string,
  code: string | undefined,
  headers: Refusal['headers'],
): Refusal {
  const problem = {
    type: 'about:blank',
    title: TITLES[status],
    status,
    detail,
    ...(code !== undefined && { code }),
  } as const
  return Object.freeze({
    status,
    problem: Object.freeze(problem),
    body: JSON.stringify(problem),
    headers: Object.freeze({
      ...headers,
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
    }),
  })
}

// RFC 9110 section 5.6.4. Control characters and what is not ASCII have been refused when it was configured.
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
