import { ServiceError } from '../errors.ts'
import type { SenderConstraint } from '../policy/index.ts'

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const TYPE = 'urn:ietf:params:oauth:token-type:'
const MAX_PROOF_BYTES = 16 * 1024
const MAX_TARGETS = 8
const MAX_SCOPES = 64
/** google-auth always sends a scope; its default says nothing about us and counts as none. */
const GOOGLE_DEFAULT_SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const REPEATABLE: readonly string[] = ['audience', 'resource']

/** A token exchange request (RFC 8693 section 2.1), parsed once. */
export interface ExchangeRequest {
  readonly rawSubjectToken: string
  /** Values of `audience` and `resource`, in order, without repetition. At least one. */
  readonly targets: readonly string[]
  /** Undefined: the caller asks for what the policy grants. */
  readonly scopes: readonly string[] | undefined
  /** Extension parameter `expires_in`: the longest life that the caller wants, in seconds. */
  readonly ttlSeconds: number | undefined
  /** Extension parameter `sender_constraint`: what the token must be bound to; undefined: what is proven and the policy decide. */
  readonly senderConstraint?: SenderConstraint | undefined
  /** What `issued_token_type` answers. */
  readonly issuedTokenType: string
}

/** The single-valued and repeatable parameters of a form body. */
export interface Form {
  get(name: string): string | undefined
  all(name: string): readonly string[]
}

/**
 * Parses an application/x-www-form-urlencoded body: strict percent-encoding and UTF-8, no NUL, no parameter twice except
 * those that RFC 8693 lets repeat. An empty value counts as omitted (RFC 6749 section 3.2).
 * @throws ServiceError invalid_request
 */
export function parseForm(body: string): Form {
  const values = new Map<string, string[]>()
  // RFC 6749 appendix B: the form is ASCII; everything else comes percent-encoded.
  if (Buffer.byteLength(body) !== body.length) throw invalid('the form is not correctly percent-encoded UTF-8')
  // No store can keep it, and nothing that a caller may name has it.
  if (body.includes('\0')) throw invalid('the form holds a NUL character')
  for (const pair of body === '' ? [] : body.split('&')) {
    const equals = pair.indexOf('=')
    const name = decode(equals === -1 ? pair : pair.slice(0, equals))
    const value = decode(equals === -1 ? '' : pair.slice(equals + 1))
    const before = values.get(name)
    // RFC 6749 section 3.2: parameters must not be included more than once.
    if (before && !REPEATABLE.includes(name)) throw invalid('a parameter is given twice')
    if (before) before.push(value)
    else values.set(name, [value])
  }
  const all = (name: string) => (values.get(name) ?? []).filter((value) => value !== '')
  return { all, get: (name) => all(name)[0] }
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  const known = decoded.get(spaced)
  if (known !== undefined) return known
  const value = decodePercent(spaced)
  if (spaced.length <= MAX_REMEMBERED_LENGTH) {
    if (decoded.size >= MAX_REMEMBERED) decoded.clear()
    decoded.set(spaced, value)
  }
  return value
}

// Grant type, token types, audiences and scopes are the same in nearly every request.
const MAX_REMEMBERED = 512
const MAX_REMEMBERED_LENGTH = 128
const decoded = new Map<string, string>()

function decodePercent(text: string): string {
  let value: string
  try {
    value = decodeURIComponent(text)
  } catch {
    throw invalid('the form is not correctly percent-encoded UTF-8')
  }
  if (value.includes('\0')) throw invalid('the form holds a NUL character')
  return value
}

/**
 * Parses the parameters of a token exchange. Unknown parameters are ignored (RFC 6749 section 3.2), client_id included:
 * clients are not registered, and a token's client_id is the workload's own.
 * @throws ServiceError invalid_request, unsupported_grant_type, unknown_audience
 */
export function parseExchangeRequest(form: Form): ExchangeRequest {
  const grantType = form.get('grant_type')
  if (grantType === undefined) throw invalid('grant_type is missing')
  if (grantType !== TOKEN_EXCHANGE) throw new ServiceError('unsupported_grant_type')
  const rawSubjectToken = form.get('subject_token')
  if (rawSubjectToken === undefined) throw invalid('subject_token is missing')
  if (rawSubjectToken.length > MAX_PROOF_BYTES) throw invalid('subject_token is larger than 16 KiB')
  const subjectTokenType = form.get('subject_token_type')
  if (subjectTokenType === undefined) throw invalid('subject_token_type is missing')
  if (subjectTokenType !== `${TYPE}jwt` && subjectTokenType !== `${TYPE}id_token`) {
    throw invalid('subject_token_type must be urn:ietf:params:oauth:token-type:jwt or :id_token')
  }
  // RFC 8693 section 2.1: actor_token_type is required with actor_token and must be absent without it.
  if ((form.get('actor_token') === undefined) !== (form.get('actor_token_type') === undefined)) {
    throw invalid('actor_token and actor_token_type go together')
  }
  if (form.get('actor_token') !== undefined) throw invalid('actor tokens are not supported')
  const requested = form.get('requested_token_type')
  if (requested !== undefined && requested !== `${TYPE}access_token` && requested !== `${TYPE}jwt`) {
    throw invalid('requested_token_type must be urn:ietf:params:oauth:token-type:access_token or :jwt')
  }
  const targets = [...new Set([...form.all('audience'), ...form.all('resource')])]
  if (targets.length === 0) throw invalid('audience or resource is missing')
  if (targets.length > MAX_TARGETS) throw invalid('more than 8 audiences and resources')
  for (const resource of form.all('resource')) {
    // RFC 8707 section 2: an absolute URI without a fragment.
    if (!URL.canParse(resource) || resource.includes('#'))
      throw invalid('resource must be an absolute URI without fragment')
  }
  return {
    rawSubjectToken,
    targets,
    scopes: parseScopes(form.get('scope')),
    ttlSeconds: parseTtl(form.get('expires_in')),
    senderConstraint: parseSenderConstraint(form.get('sender_constraint')),
    issuedTokenType: requested ?? `${TYPE}access_token`,
  }
}

function parseScopes(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  // RFC 6749 section 3.3: scope-token characters, one space between tokens.
  if (!/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(text)) throw invalid('scope is malformed')
  const scopes = [...new Set(text.split(' '))].filter((scope) => scope !== GOOGLE_DEFAULT_SCOPE)
  if (scopes.length > MAX_SCOPES) throw invalid('more than 64 scopes')
  return scopes.length === 0 ? undefined : scopes
}

function parseTtl(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9][0-9]{0,7}$/.test(text)) throw invalid('expires_in must be a positive whole number of seconds')
  return Number(text)
}

function parseSenderConstraint(text: string | undefined): SenderConstraint | undefined {
  if (text === undefined || text === 'dpop' || text === 'mtls') return text
  throw invalid('sender_constraint must be dpop or mtls')
}

function invalid(detail: string): ServiceError {
  return new ServiceError('invalid_request', { detail })
}
