/** Every refusal and failure of the product: HTTP status, title, the OAuth code where it can leave an OAuth endpoint, what to do. */
export const ERRORS = {
  // OAuth endpoints (RFC 6749 section 5.2, RFC 8693 section 2.2.2)
  invalid_request: {
    status: 400,
    title: 'The request is malformed',
    oauth: 'invalid_request',
    fix: 'correct the named parameter',
  },
  unsupported_grant_type: {
    status: 400,
    title: 'The grant type is not supported',
    oauth: 'unsupported_grant_type',
    fix: 'use urn:ietf:params:oauth:grant-type:token-exchange',
  },
  proof_malformed: {
    status: 400,
    title: 'The proof is not a valid token',
    oauth: 'invalid_request',
    fix: "pass the platform's token unchanged; `countersign inspect` says what is wrong with it",
  },
  proof_unknown_issuer: {
    status: 400,
    title: 'No trust provider is registered for the proof',
    oauth: 'invalid_request',
    fix: 'register a TrustProvider for its issuer and audience',
  },
  proof_wrong_audience: {
    status: 400,
    title: 'The proof is for another audience',
    oauth: 'invalid_request',
    fix: 'request the proof for the audience of the trust provider',
  },
  proof_bad_signature: {
    status: 400,
    title: 'The signature of the proof does not verify',
    oauth: 'invalid_request',
    fix: 'check that the issuer publishes the key that signed it',
  },
  proof_unknown_key: {
    status: 400,
    title: 'The issuer does not publish the key of the proof',
    oauth: 'invalid_request',
    fix: "check the issuer's JWKS; a new key is seen within 30 seconds",
  },
  proof_expired: {
    status: 400,
    title: 'The proof has expired',
    oauth: 'invalid_request',
    fix: 'ask the platform for a fresh proof',
  },
  proof_not_yet_valid: {
    status: 400,
    title: 'The proof is not valid yet',
    oauth: 'invalid_request',
    fix: 'compare the clocks of the issuer and of this host',
  },
  proof_too_old: {
    status: 400,
    title: 'The proof is older than allowed',
    oauth: 'invalid_request',
    fix: 'exchange the proof right after it was issued',
  },
  proof_claim_invalid: {
    status: 400,
    title: 'A claim of the proof is missing or has the wrong type',
    oauth: 'invalid_request',
    fix: '`countersign explain` names the claim',
  },
  proof_stranger: {
    status: 400,
    title: 'The proof is of another tenant',
    oauth: 'invalid_request',
    fix: 'check `require` of the trust provider',
  },
  provider_unavailable: {
    status: 503,
    title: 'The keys of the issuer are not available',
    oauth: 'temporarily_unavailable',
    fix: 'check that this host reaches the issuer; `countersign doctor` tries',
  },
  ambiguous_provider: {
    status: 400,
    title: 'Two trust providers accept the same proof',
    oauth: 'invalid_request',
    fix: 'make their `require` exclude each other',
  },
  unknown_audience: {
    status: 400,
    title: 'No service has this audience, or no policy grants it',
    oauth: 'invalid_target',
    fix: 'check the audience, or add a TrustPolicy',
  },
  no_matching_policy: {
    status: 400,
    title: 'No trust policy matches',
    oauth: 'invalid_target',
    fix: '`countersign explain` shows the nearest policy, claim by claim',
  },
  scope_not_granted: {
    status: 400,
    title: 'The policy does not grant the requested scope',
    oauth: 'invalid_scope',
    fix: 'ask for fewer scopes, or leave scope out',
  },
  ambiguous_policy: {
    status: 400,
    title: 'Two trust policies match and neither is the smaller',
    oauth: 'invalid_target',
    fix: 'request scopes that only one of them covers, or make one the subset',
  },
  dangerous_proof: {
    status: 400,
    title: 'The proof may come from untrusted code',
    oauth: 'invalid_target',
    fix: 'run the job on a trusted event, or name the event in the policy',
  },
  policy_expired: {
    status: 400,
    title: 'The matching policy has expired',
    oauth: 'invalid_target',
    fix: 'review the policy and set a new `expires`',
  },
  outside_limits: {
    status: 400,
    title: 'The matching policy does not apply here and now',
    oauth: 'invalid_target',
    fix: 'check its source addresses and time window',
  },
  replayed: {
    status: 400,
    title: 'The proof has been used before',
    oauth: 'invalid_request',
    fix: 'ask the platform for a fresh proof for each exchange',
  },
  invalid_dpop_proof: {
    status: 400,
    title: 'The DPoP proof is not acceptable',
    oauth: 'invalid_dpop_proof',
    fix: 'make a fresh proof for each request, for POST and the configured address of the endpoint; `countersign explain` says more',
  },
  sender_constraint_required: {
    status: 400,
    title: 'The token must be bound to a key or certificate of the caller',
    oauth: 'invalid_request',
    fix: 'send a DPoP proof, or call through the proxy that passes the client certificate on',
  },
  proof_holder_unproven: {
    status: 400,
    title: 'The proof is bound to a key that the caller did not prove to hold',
    oauth: 'invalid_request',
    fix: 'send a DPoP proof that the same key has signed',
  },
  signing_key_unavailable: {
    status: 503,
    title: 'There is no key to sign tokens of this service yet',
    oauth: 'temporarily_unavailable',
    fix: 'retry; the key is made within seconds of saving the service or revoking its predecessor',
  },
  too_many_denials: {
    status: 429,
    title: 'This proof has been refused too often',
    oauth: 'invalid_request',
    fix: 'wait a minute; `countersign explain` shows why it is refused',
  },
  too_many_verifiers: {
    status: 429,
    title: 'The workload runs more verifiers than it may',
    oauth: null,
    fix: 'close verifiers that are no longer used, or let one process verify for several',
  },
  payload_too_large: {
    status: 413,
    title: 'The request body is too large',
    oauth: 'invalid_request',
    fix: 'send at most 64 KiB',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not supported',
    oauth: 'invalid_request',
    fix: 'send application/x-www-form-urlencoded to OAuth endpoints, application/json elsewhere',
  },
  method_not_allowed: {
    status: 405,
    title: 'The method is not allowed here',
    oauth: 'invalid_request',
    fix: 'see the API description',
  },
  host_not_allowed: {
    status: 421,
    title: 'The request names a host that is not served here',
    oauth: 'invalid_request',
    fix: 'use the name of the issuer, or add the name to the allowed hosts',
  },
  cross_site_refused: {
    status: 403,
    title: 'The request comes from another site',
    oauth: null,
    fix: 'call the API from its own origin or from a program that is no browser',
  },
  overloaded: {
    status: 503,
    title: 'The server is at its limit',
    oauth: 'temporarily_unavailable',
    fix: 'retry after the stated time',
  },
  store_unavailable: {
    status: 503,
    title: 'The database does not answer',
    oauth: 'temporarily_unavailable',
    fix: 'retry; the administrator sees the reason in /readyz',
  },
  internal_error: {
    status: 500,
    title: 'Something unexpected happened',
    oauth: 'server_error',
    fix: 'report the error id',
  },
  // Management API (RFC 9457)
  validation_failed: { status: 400, title: 'The input is not valid', oauth: null, fix: 'see errors[] for each fault' },
  unauthenticated: {
    status: 401,
    title: 'A valid access token is required',
    oauth: null,
    fix: 'obtain one by federation for the management audience',
  },
  forbidden: {
    status: 403,
    title: 'The caller lacks a scope',
    oauth: null,
    fix: 'a policy must grant the named scope',
  },
  escalation_refused: {
    status: 403,
    title: 'The change would grant more than the actor holds',
    oauth: null,
    fix: 'let somebody do it who holds every scope it touches, or use the local socket',
  },
  not_found: {
    status: 404,
    title: 'There is no such resource',
    oauth: null,
    fix: 'check the id; the list shows what you may see',
  },
  conflict: { status: 409, title: 'The resource is in the way', oauth: null, fix: 'see detail' },
  precondition_failed: {
    status: 412,
    title: 'The resource has changed meanwhile',
    oauth: null,
    fix: 'read it again and repeat the change with the new ETag',
  },
  widening_refused: {
    status: 409,
    title: 'The change admits more than before',
    oauth: null,
    fix: 'read `countersign diff`, then apply with --allow-widening and the hash it prints',
  },
  policy_tests_failed: {
    status: 400,
    title: 'A test of the policy fails',
    oauth: null,
    fix: 'correct the policy or its `tests`',
  },
  idempotency_mismatch: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    oauth: null,
    fix: 'use a new key',
  },
  // Start and command line
  config_invalid: { status: 500, title: 'The configuration is not valid', oauth: null, fix: 'see each line' },
  data_directory_unusable: { status: 500, title: 'The data directory cannot be used', oauth: null, fix: 'see detail' },
  address_unusable: {
    status: 500,
    title: 'The address to listen on cannot be used',
    oauth: null,
    fix: 'stop what holds it, or set another listen.host or listen.port',
  },
  store_corrupt: {
    status: 500,
    title: 'The database is damaged',
    oauth: null,
    fix: 'restore a backup; nothing was changed',
  },
  schema_newer: {
    status: 500,
    title: 'The database was written by a newer version',
    oauth: null,
    fix: 'start the newer version; this one changes nothing',
  },
  schema_older: {
    status: 500,
    title: 'The database schema is older than this version',
    oauth: null,
    fix: 'run `countersign migrate`, or set database.migrateUrl',
  },
  seal_key_wrong: {
    status: 500,
    title: 'The key-encryption key does not open this database',
    oauth: null,
    fix: 'give the key file that belongs to this database',
  },
  seal_key_missing: {
    status: 500,
    title: 'The key-encryption key is missing',
    oauth: null,
    fix: 'put the key file back; without it nothing can be signed',
  },
  seal_refused: {
    status: 500,
    title: 'The service that keeps the key-encryption key refuses to use it',
    oauth: null,
    fix: 'see detail; docs/how-to/seal-with-openbao.md has the policy that the token needs',
  },
  seal_unavailable: {
    status: 500,
    title: 'The service that keeps the key-encryption key does not answer',
    oauth: null,
    fix: 'make it reachable and start again; servers that run go on, and nothing is lost',
  },
  audit_invalid: {
    status: 422,
    title: 'The audit log does not verify',
    oauth: null,
    fix: 'keep the export and the database as evidence',
  },
} as const satisfies Record<string, { status: number; title: string; oauth: string | null; fix: string }>

/** The stable code of a refusal or failure. */
export type ErrorCode = keyof typeof ERRORS

/**
 * A failure with a stable code. `detail` may be shown to the caller; `internal` is for the audit log and the operator only.
 * Neither ever holds a token, a key or a claim's value.
 */
export class ServiceError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly internal: string | undefined
  /** For validation failures: one entry per fault. */
  readonly problems: readonly {
    readonly pointer: string
    readonly code: string
    readonly detail: string
    readonly fix?: string
  }[]

  constructor(
    code: ErrorCode,
    options: {
      detail?: string
      internal?: string
      cause?: unknown
      problems?: ServiceError['problems']
    } = {},
  ) {
    super(
      options.detail ? `${ERRORS[code].title}: ${options.detail}` : ERRORS[code].title,
      options.cause === undefined ? {} : { cause: options.cause },
    )
    this.name = 'ServiceError'
    this.code = code
    this.detail = options.detail
    this.internal = options.internal
    this.problems = options.problems ?? []
  }
}
