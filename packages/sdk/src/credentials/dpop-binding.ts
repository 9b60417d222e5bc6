import { createDpopKey } from '../dpop/index.ts'

/** The key that a client's tokens are bound to, and the nonces that servers have asked it for. */
export interface DpopBinding {
  /** The value of the DPoP header for one request. */
  prove(request: { readonly method: string; readonly url: URL; readonly accessToken?: string }): string
  /** The nonce that the server of a URL last asked for. */
  nonceFor(url: URL): string | undefined
  /** Keeps the nonce that an answer asks for. */
  noteNonce(url: URL, headers: Headers): void
}

/** A new key, for as long as the client lives. Callers talk to few origins, so nonces are kept for each. */
export function createDpopBinding(now: () => Date): DpopBinding {
  const key = createDpopKey({ now })
  const nonces = new Map<string, string>()
  return {
    prove({ method, url, accessToken }) {
      const nonce = nonces.get(url.origin)
      return key.proof({
        method,
        url: url.href,
        ...(accessToken === undefined ? {} : { accessToken }),
        ...(nonce === undefined ? {} : { nonce }),
      })
    },
    nonceFor: (url) => nonces.get(url.origin),
    noteNonce(url, headers) {
      const nonce = headers.get('dpop-nonce')
      // RFC 9449 section 8.1: nonce = 1*NQCHAR.
      if (nonce !== null && /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/.test(nonce)) nonces.set(url.origin, nonce)
    },
  }
}
