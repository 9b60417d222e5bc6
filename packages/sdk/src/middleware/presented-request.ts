/** The headers that decide about a request. */
export type PresentedHeader = 'authorization' | 'dpop' | 'client-cert'

/** What the decision about a request depends on: nothing else of it is looked at, least of all its body. */
export interface PresentedRequest {
  readonly method: string
  /** The request target as it arrived: path and query, or an absolute URL. */
  readonly target: string
  /** Every value of a header, or its values joined by commas; undefined when it is absent. */
  values(header: PresentedHeader): string | readonly string[] | undefined
  /** The DER of the client's certificate of this very connection, when it has one. */
  peerCertificate(): Uint8Array | undefined
}

/** The path of a request target without query and fragment; undefined for `*` and whatever has none. */
export function pathOf(target: string): string | undefined {
  const path = target.startsWith('/') ? target : /^https?:\/\/[^/?#]*(.*)$/i.exec(target)?.[1]
  if (path === undefined) return undefined
  const end = path.search(/[?#]/)
  return end === -1 ? path : path.slice(0, end)
}

/** Whether the query has a parameter of this name, however it is written. */
export function hasQueryParameter(target: string, name: string): boolean {
  const at = target.indexOf('?')
  if (at === -1) return false
  // Anything else cannot spell the name.
  if (!target.includes('%', at) && !target.includes(name, at)) return false
  return new URLSearchParams(target.slice(at + 1)).has(name)
}
