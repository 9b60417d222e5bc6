import { type HttpContext, remoteAddressOf } from './context.ts'

/** What a request carries about who sends it, as it came: nothing of it is believed here. */
export interface RequestSender {
  /** The DPoP header (RFC 9449); several are joined by commas. */
  readonly dpop: string | undefined
  /** The Client-Cert header (RFC 9440), whoever wrote it. */
  readonly clientCert: string | undefined
  /** The path of the target, without its query. */
  readonly path: string
  /** The peer's address; undefined on the local socket. */
  readonly peer: string | undefined
}

/** The sender of a request. */
export function senderOf(c: HttpContext): RequestSender {
  return {
    dpop: c.req.header('dpop'),
    clientCert: c.req.header('client-cert'),
    path: URL.parse(c.req.url)?.pathname ?? '',
    peer: remoteAddressOf(c),
  }
}

/** A credential of the Authorization header; `token` is undefined when what follows the scheme is none. */
export interface PresentedCredential {
  readonly scheme: 'Bearer' | 'DPoP'
  readonly token: string | undefined
}

/** Reads the Authorization header (RFC 6750 section 2.1, RFC 9449 section 7.1). Undefined: no scheme of ours. */
export function parseAuthorization(header: string | undefined): PresentedCredential | undefined {
  const scheme = header === undefined ? undefined : /^(bearer|dpop)\b/i.exec(header)?.[1]?.toLowerCase()
  if (header === undefined || scheme === undefined) return undefined
  const token = /^[a-z]+ +([A-Za-z0-9\-._~+/]+=*)$/i.exec(header)?.[1]
  return { scheme: scheme === 'dpop' ? 'DPoP' : 'Bearer', token }
}
