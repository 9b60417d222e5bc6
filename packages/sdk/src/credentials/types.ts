import type { CountersignError } from '../errors.ts'
import type { ClockOptions } from './clock.ts'
import type { ProofSource } from './sources/index.ts'

/** A token that can be sent, and what is known of it. */
export interface AccessToken {
  readonly accessToken: string
  readonly tokenType: 'Bearer' | 'DPoP'
  readonly expiresAt: Date
  /** How long the server said that it lives, at most a day. */
  readonly lifetimeSeconds: number
  readonly scopes: readonly string[]
  /** The server's event of the exchange: what `countersign explain` takes. */
  readonly eventId?: string
}

/** Options of `createCredentialClient`. */
export interface CredentialClientOptions extends ClockOptions {
  /** The server's issuer URL, exactly: https, or http on loopback. */
  readonly server: string
  /** The audience of the service that the tokens are for; this or `resource` must be given. */
  readonly audience?: string
  /** The same as an RFC 8707 resource. */
  readonly resource?: string
  /** Scopes to ask for, as a list or separated by spaces; what the policy grants when not given. */
  readonly scope?: string | readonly string[]
  /** A life shorter than the policy grants, in seconds. */
  readonly ttlSeconds?: number
  /** Where the proof comes from; every source of `PROOF_SOURCES` when not given. */
  readonly sources?: readonly ProofSource[]
  /** The audience to request proofs for; the server when not given. */
  readonly proofAudience?: string | (() => Promise<string>)
  /** Binds the tokens to a key of this client (RFC 9449). A bearer token in the answer is then refused. */
  readonly dpop?: boolean
  /** Origins that `fetch` may send the token to; that of the audience when not given. */
  readonly origins?: readonly string[]
  /** Where to exchange; when not given, the server's RFC 8414 metadata says. Must be on the server's origin. */
  readonly tokenEndpoint?: string
  /** For one request to the server or a platform, with its whole answer; 5,000 when not given. */
  readonly timeoutMs?: number
  /** How often an exchange is tried where repeating helps; 3 when not given, 1 never repeats. */
  readonly tries?: number
  /** Refreshes in the background for as long as the client is open, also when nobody has asked since the last time. */
  readonly keepFresh?: boolean
  /** Called with each new token, the first included. */
  readonly onToken?: (token: AccessToken) => void
  /** Called when a refresh in the background failed; the old token stays in use while it is valid. */
  readonly onRefreshFailed?: (error: CountersignError) => void
  /** Used in place of the global one, for the server, the platforms and `fetch`. */
  readonly fetch?: typeof fetch
  /** A number from 0 up to 1, for jitter. */
  readonly random?: () => number
}

/** What `token` may be asked with. */
export interface TokenOptions {
  /** Ends the waiting of this caller only. */
  readonly signal?: AbortSignal
  /** A new token, whatever is at hand; callers at the same time share it. */
  readonly fresh?: boolean
}

/**
 * Gets tokens for one audience and one set of scopes, and keeps them. However many ask at once, there is one exchange.
 */
export interface CredentialClient {
  /**
   * A token that is valid for some time yet.
   * @throws CountersignError no_proof, proof_invalid, proof_unavailable, exchange_refused, exchange_unavailable, response_refused,
   * discovery_invalid, client_closed; the signal's reason when it is aborted
   */
  token(options?: TokenOptions): Promise<AccessToken>
  /**
   * Like the global `fetch`, with the token, to the configured origins only. A 401 is tried once more with a fresh token when the
   * body can be sent again. A redirect within its origin is followed; one to elsewhere is returned as it is.
   * @throws CountersignError url_refused for any other origin; what `token` throws; what `fetch` throws
   */
  readonly fetch: typeof fetch
  /** Ends what is under way and every timer. Asking afterwards is `client_closed`. */
  close(): void
}
