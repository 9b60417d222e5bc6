/**
 * What this package throws, as data: for each code whether the same call may succeed later, and the sentence to show.
 * The sentences are fixed, so that no message can ever hold a token, a claim value or fetched bytes.
 */
const CODES = {
  configuration_invalid: { retryable: false, message: 'an option is missing or invalid' },
  token_malformed: { retryable: false, message: 'the token is not a well-formed compact JWS' },
  token_too_large: { retryable: false, message: 'the token is larger or deeper than the limits' },
  token_unsupported: { retryable: false, message: 'the token uses a JOSE feature that is never accepted' },
  token_type_refused: { retryable: false, message: 'the token is of another type than expected' },
  algorithm_refused: { retryable: false, message: 'the algorithm is not allowed here or does not belong to the key' },
  issuer_mismatch: { retryable: false, message: 'the token was not issued by the expected issuer' },
  audience_mismatch: { retryable: false, message: 'the token is not for the expected audience' },
  subject_invalid: { retryable: false, message: 'the subject is missing or invalid' },
  claim_missing: { retryable: false, message: 'a required claim is missing' },
  claim_invalid: { retryable: false, message: 'a claim has an invalid value' },
  token_expired: { retryable: false, message: 'the token has expired' },
  token_not_yet_valid: { retryable: false, message: 'the token is not valid yet' },
  token_lifetime_exceeded: { retryable: false, message: 'the token lives longer than allowed' },
  token_revoked: { retryable: false, message: 'the token has been revoked' },
  token_not_revocable: { retryable: false, message: 'the token does not say what its revocation is decided by' },
  revocation_unavailable: { retryable: true, message: 'nobody can say now whether the token has been revoked' },
  key_unknown: { retryable: false, message: 'no usable key of the issuer matches the token' },
  key_invalid: { retryable: false, message: 'the key cannot be used for verification' },
  key_set_invalid: { retryable: false, message: 'the key set is refused as a whole' },
  keys_unavailable: { retryable: true, message: 'the keys of the issuer could not be obtained' },
  signature_invalid: { retryable: false, message: 'the signature does not verify' },
  url_refused: { retryable: false, message: 'the URL may not be fetched' },
  address_refused: { retryable: false, message: 'the host resolves to an address that may not be connected to' },
  fetch_failed: { retryable: true, message: 'the document could not be fetched' },
  fetch_timeout: { retryable: true, message: 'the document was not received in time' },
  response_refused: { retryable: true, message: 'the response is not an acceptable JSON document' },
  discovery_invalid: { retryable: true, message: 'the discovery document is not acceptable' },
  no_proof: { retryable: false, message: 'no proof of where this runs was found' },
  proof_invalid: { retryable: false, message: 'a proof source is there and cannot be used' },
  proof_unavailable: { retryable: true, message: 'the platform did not give a proof' },
  exchange_refused: { retryable: false, message: 'the exchange was refused' },
  exchange_unavailable: { retryable: true, message: 'the server cannot exchange now' },
  client_closed: { retryable: false, message: 'the client has been closed' },
  sender_constraint_missing: {
    retryable: false,
    message: 'the token may only be used with a proof that its holder sends it',
  },
  sender_constraint_failed: { retryable: false, message: 'the sender did not prove to be the holder of the token' },
  dpop_proof_invalid: { retryable: false, message: 'the DPoP proof is not acceptable' },
  dpop_proof_replayed: { retryable: false, message: 'the DPoP proof has been used before' },
  dpop_nonce_mismatch: { retryable: false, message: 'the DPoP proof does not hold the nonce that is asked for' },
  dpop_unavailable: { retryable: true, message: 'no more DPoP proofs can be remembered now' },
} as const satisfies Record<string, { retryable: boolean; message: string }>

/** The stable codes of {@link CountersignError}; new codes may be added, none changes its meaning. */
export type CountersignErrorCode = keyof typeof CODES

/** Every code with its fixed message and whether the same call may succeed later; for reference pages and for tests. */
export const COUNTERSIGN_ERROR_CODES: Readonly<
  Record<CountersignErrorCode, { readonly retryable: boolean; readonly message: string }>
> = CODES

/** What may be added to an error beside its code. */
export interface CountersignErrorOptions {
  /** Fixed words that say which rule was broken: never token text, a claim value or fetched bytes. */
  readonly reason?: string
  /** The server's event that explains a refusal, when a server was asked. */
  readonly eventId?: string
  readonly cause?: unknown
}

/**
 * The only error that this package throws or rejects with.
 *
 * Invariant: neither the message nor `JSON.stringify(error)` holds a token, a claim value or fetched bytes, so it may be
 * logged as it is. Show callers of your API one opaque 401 (`invalid_token`), whatever the code (RFC 6750 section 3.1).
 */
export class CountersignError extends Error {
  override readonly name = 'CountersignError'
  /** Stable; switch on this, not on the message. */
  readonly code: CountersignErrorCode
  /** Whether the same call may succeed later without any change by the caller. */
  readonly retryable: boolean
  /** The server's event that explains the refusal, when a server was asked. */
  declare readonly eventId?: string

  constructor(code: CountersignErrorCode, options: CountersignErrorOptions = {}) {
    const { message, retryable } = CODES[code]
    super(
      options.reason === undefined ? message : `${message}: ${options.reason}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.code = code
    this.retryable = retryable
    if (options.eventId !== undefined) this.eventId = options.eventId
  }

  /** The loggable members; the cause and the stack stay out. */
  toJSON(): { name: string; code: CountersignErrorCode; message: string; retryable: boolean; eventId?: string } {
    const { name, code, message, retryable, eventId } = this
    return eventId === undefined ? { name, code, message, retryable } : { name, code, message, retryable, eventId }
  }
}

/** Whether a caught value is a {@link CountersignError}, and of this code when one is given. */
export function isCountersignError(error: unknown, code?: CountersignErrorCode): error is CountersignError {
  return error instanceof CountersignError && (code === undefined || error.code === code)
}
