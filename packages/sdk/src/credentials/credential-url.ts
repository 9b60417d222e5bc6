/**
 * A URL that a credential may be sent to: https, or http on loopback, without user name or password; undefined for any other.
 * RFC 6750 section 5.3: a bearer token over plain http is everybody's.
 */
export function parseCredentialUrl(text: string): URL | undefined {
  if (text.length > 4096 || !URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return undefined
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)) ? url : undefined
}

// The URL parser has written addresses in their one form, so that 127.1 and 0x7f000001 are 127.0.0.1 here.
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
