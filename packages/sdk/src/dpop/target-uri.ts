const MAX_URI_LENGTH = 4096
// Printable ASCII without what no URI may hold and what URL parsers read differently ("\\" as "/"); the authority has no
// userinfo and no percent-encoding, and every percent sign in what follows starts an octet (RFC 3986 section 2.1).
const SPELLING = /^https?:\/\/([^\s/?#@%\\"<>]+)(?:[/?#](?:[!#$&-;=?-[\]^-~]|%[0-9a-f]{2})*)?$/i
const PRINTABLE = /^[\x21-\x7e]+$/
const UNRESERVED = /^[\w.~-]$/

/**
 * The comparable form of an http or https URI without its query and fragment, as RFC 9449 section 4.3 compares targets:
 * normalised by syntax (RFC 3986 section 6.2.2: case, percent-encoding, dot segments) and by scheme (section 6.2.3: default
 * port, empty path). Undefined for whatever is not such a URI. Reserved characters stay as they are written: `%2F` is not `/`.
 */
export function normalizeTargetUri(uri: unknown): string | undefined {
  if (typeof uri !== 'string' || uri.length > MAX_URI_LENGTH) return undefined
  if (!PRINTABLE.test(uri) || !SPELLING.test(uri) || !URL.canParse(uri)) return undefined
  const { protocol, host, pathname } = new URL(uri)
  const path = pathname.replace(/%[0-9a-f]{2}/gi, (octet) => {
    const char = String.fromCharCode(Number.parseInt(octet.slice(1), 16))
    return UNRESERVED.test(char) ? char : octet.toUpperCase()
  })
  return `${protocol}//${host}${path}`
}
