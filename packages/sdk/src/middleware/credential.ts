import { hasQueryParameter, type PresentedRequest } from './presented-request.ts'

/** An access token as it was presented, and by which scheme. */
export interface PresentedToken {
  readonly scheme: 'Bearer' | 'DPoP'
  readonly token: string
}

// RFC 9110 section 11.4: a scheme, then spaces, then the rest.
const CREDENTIALS = /^([!#$%&'*+.^_`|~\w-]+)(?: +(.*))?$/
// RFC 6750 section 2.1, b64token; RFC 9449 section 7.1, token68.
const TOKEN = /^[\w.~+/-]+=*$/

/**
 * The access token of a request. `none` when there is none that could be used here, also when another scheme is used (RFC
 * 6750 section 3.1); `malformed` when it is presented in more than one way, in the query, or not in the form of its scheme.
 * A token in a form body is never looked for. Whether the text has the form of a token is left to {@link isTokenText}, which
 * a token that a verifier accepts need not be asked.
 */
export function readCredential(request: PresentedRequest, dpop: boolean): PresentedToken | 'none' | 'malformed' {
  // RFC 9700 section 4.3.2: what is in a URL is in logs and histories.
  if (hasQueryParameter(request.target, 'access_token')) return 'malformed'
  const presented = request.values('authorization')
  if (presented === undefined) return 'none'
  // RFC 6750 section 2: one method, once. Values that were joined hold a comma, which no token does.
  if (typeof presented !== 'string') return 'malformed'
  const { scheme, token } = split(presented)
  switch (scheme) {
    case 'bearer':
      // A proof beside it says that the token is bound, and the scheme says that it need not be checked: one is untrue.
      if (token === '' || (dpop && request.values('dpop') !== undefined)) return 'malformed'
      return { scheme: 'Bearer', token }
    case 'dpop':
      if (!dpop) return 'none'
      return token === '' ? 'malformed' : { scheme: 'DPoP', token }
    case '':
      return 'malformed'
    default:
      // A list can hide a scheme of ours behind another.
      return presented.includes(',') ? 'malformed' : 'none'
  }
}

/** Whether a text can be a token at all; what cannot is a malformed request, not a bad token. */
export function isTokenText(text: string): boolean {
  return TOKEN.test(text)
}

function split(presented: string): { readonly scheme: string; readonly token: string } {
  // The usual spelling, without the cost of an expression over a whole token.
  if (presented.startsWith('Bearer ') && presented.charCodeAt(7) !== 0x20) {
    return { scheme: 'bearer', token: presented.slice(7) }
  }
  const [, scheme = '', token = ''] = CREDENTIALS.exec(presented) ?? []
  return { scheme: scheme.toLowerCase(), token }
}
