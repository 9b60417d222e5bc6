import type { JsonObject, JsonValue } from '../lib/index.ts'

/**
 * What a token is bound to (RFC 7800 `cnf`): the thumbprint of the key whose holder alone may use it (RFC 9449 section 6.1), or of
 * the certificate (RFC 8705 section 3.1). Exactly one of the two.
 */
export type Confirmation = { readonly jkt: string } | { readonly 'x5t#S256': string }

/** SHA-256 in base64url: the form of both thumbprints. */
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/**
 * Reads a `cnf` claim of a token of ours. Strict: whoever took a form that he does not know for no binding would make a bearer token
 * of a bound one.
 * @returns undefined when it is not exactly one of the two forms.
 */
export function parseConfirmation(cnf: JsonValue): Confirmation | undefined {
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) return undefined
  const members = cnf as JsonObject
  const [name, ...more] = Object.keys(members)
  const thumbprint = name === undefined ? undefined : members[name]
  if (more.length > 0 || typeof thumbprint !== 'string' || !THUMBPRINT.test(thumbprint)) return undefined
  if (name === 'jkt') return { jkt: thumbprint }
  return name === 'x5t#S256' ? { 'x5t#S256': thumbprint } : undefined
}

/** The `token_type` of a token: RFC 9449 section 5 names one for its own; a certificate binds a Bearer token (RFC 8705 section 3). */
export function tokenTypeOf(confirmation: Confirmation | undefined): 'Bearer' | 'DPoP' {
  return confirmation !== undefined && 'jkt' in confirmation ? 'DPoP' : 'Bearer'
}
