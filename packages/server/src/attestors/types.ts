import type { UnverifiedToken } from '@countersign/sdk'
import type { JsonObject } from '../lib/index.ts'

/** A claim's value after its preset's type has been enforced. */
export type ClaimValue = string | number | boolean | readonly string[]

/** What is known of one claim of a platform's proofs. */
export interface ClaimDefinition {
  readonly type: 'string' | 'number' | 'boolean' | 'strings'
  readonly meaning: string
  /** Where the claim lies in the token when it is not a top-level member of this name, e.g. ['kubernetes.io', 'namespace']. */
  readonly path?: readonly string[]
  /** An identifier that the platform never gives to anything else; names without one can be registered again by others (T20). */
  readonly immutable?: boolean
  /** For a name: the immutable claim that pins the same thing. */
  readonly pinnedBy?: string
  /** The platform compares this claim without regard to ASCII case (T34). Everything else is byte-exact. */
  readonly caseInsensitive?: boolean
}

/** Who may be behind a proof when a policy does not say otherwise. */
export interface Danger {
  readonly claim: string
  readonly values: readonly (string | boolean)[]
  /** `always`: decide() denies such proofs unless the policy names the value with eq or in; `write`: the same for scopes that are not read-only. */
  readonly refuse: 'always' | 'write'
  readonly why: string
  readonly fix: string
}

/** How often and how long one proof may be used (design section 5). Providers and policies may only lower these. */
export interface Freshness {
  readonly class: 'per-request' | 'per-job' | 'cached'
  /** per-request and per-job: uses until the proof expires. */
  readonly maxUses?: number
  /** cached: uses in each minute. */
  readonly usesPerMinute?: number
  readonly maxProofAgeSeconds?: number
  /** exp - iat above this is refused (V-17). */
  readonly maxLifetimeSeconds: number
}

/** What is known of one platform's proofs, as data. A new OIDC platform is a new preset, not code. */
export interface Preset {
  readonly name: string
  readonly title: string
  readonly attestor: 'oidc' | 'kubernetes'
  /** Issuers that many tenants share, exact or by host suffix; a provider on one of them must pin a tenant claim. */
  readonly sharedIssuers: readonly string[]
  readonly algorithms: readonly string[]
  /** Accepted `typ` values of the proof, normalised; undefined in the list means that typ may be absent. */
  readonly proofTypes: readonly (string | undefined)[]
  readonly claims: Readonly<Record<string, ClaimDefinition>>
  /** Families of claims by the prefix of their name, e.g. `repo_property_`. Look claims up with `findClaimDefinition`, which knows them. */
  readonly claimPrefixes?: Readonly<Record<string, ClaimDefinition>>
  /** Every further top-level scalar or string array is a claim, typed by its JSON type (preset `oidc`: nothing is known of the platform). */
  readonly openClaims?: boolean
  /** At least one of these must be pinned by `require` on a shared issuer. */
  readonly tenantClaims: readonly string[]
  /** A tenant claim must be pinned on every issuer, shared or not. */
  readonly tenantAlways?: boolean
  /** The claims that make the workload's URI, immutable ids first, in order. All must be present. */
  readonly identityClaims: readonly string[]
  readonly freshness: Freshness
  readonly dangers: readonly Danger[]
}

/** Where a provider's verification keys come from. */
export type KeySource =
  | { readonly from: 'discovery' }
  | { readonly from: 'jwksUri'; readonly uri: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'inline'; readonly jwks: JsonObject }

/** A configured, checked instance of an attestor. */
export interface TrustProvider {
  readonly id: string
  readonly name: string
  readonly revision: number
  readonly enabled: boolean
  readonly preset: Preset
  readonly issuer: string
  /** The audience that proofs must name. */
  readonly audience: string
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  /** Claims that every proof must carry with exactly this value: the tenant. */
  readonly require: Readonly<Record<string, string | number | boolean>>
  readonly freshness: Freshness
  readonly maxTtlSeconds: number | undefined
  /** Origins whose address may be private or loopback, for on-premises issuers; exact. */
  readonly allowPrivateNetwork: boolean
  /** Emulated issuers of the quickstart: plain http to loopback. The service refuses to listen beyond loopback while one is registered. */
  readonly allowLoopbackHttp?: boolean
  readonly caFile: string | undefined
}

/** What a verified proof established. Holds only what the signature covers; only an attestor makes one. */
export interface Attestation {
  readonly provider: TrustProvider
  readonly subject: string
  /** The preset's claims by their policy names, typed; absent claims are absent. */
  readonly claims: Readonly<Record<string, ClaimValue>>
  /** Claims that the preset knows and that came with another type: left out of `claims`, and never to be taken for absent. */
  readonly mistypedClaims?: readonly string[]
  /** The whole verified claims object, for the prunable claims table. */
  readonly tokenClaims: JsonObject
  /** `countersign://ISSUER_HOST/workload/PROVIDER_ID/...`: the `sub` of issued tokens. */
  readonly workloadUri: string
  /** `wl_` and a hash of the URI: equal on every replica. */
  readonly workloadId: string
  readonly kid: string | undefined
  readonly keyThumbprint: string
  /** SHA-256(key thumbprint || signing input): names the proof for replay, never the signature (ECDSA is malleable). */
  readonly proofKey: Uint8Array
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** Why a proof was not accepted. `stage` tells which step of `explain` failed. */
export interface ProofRefusal {
  readonly code:
    | 'proof_malformed'
    | 'proof_unknown_issuer'
    | 'proof_wrong_audience'
    | 'proof_bad_signature'
    | 'proof_unknown_key'
    | 'proof_expired'
    | 'proof_not_yet_valid'
    | 'proof_too_old'
    | 'proof_claim_invalid'
    | 'proof_stranger'
    | 'provider_unavailable'
  readonly stage: 'parse' | 'provider' | 'signature' | 'audience' | 'fresh' | 'require'
  /** For the administrator; holds no token text and no claim value. */
  readonly detail: string
  readonly providerId?: string
}

/** The outcome of attesting one proof. */
export type AttestOutcome =
  | { readonly ok: true; readonly attestation: Attestation }
  | { readonly ok: false; readonly refusal: ProofRefusal }

/** Verifies one kind of proof. The seam for new proof kinds: one implementation per kind in the explicit list of `index.ts`. */
export interface Attestor {
  readonly kind: 'oidc' | 'kubernetes'
  /**
   * Verifies the proof against this one provider: signature, audience, times, claim types; then the provider's `require`.
   * `read` is the strict reading of this very proof, if it has been read before.
   */
  attest(proof: string, provider: TrustProvider, read?: UnverifiedToken): Promise<AttestOutcome>
  /** Whether the provider's cached keys hold this kid; never fetches. */
  holdsKey(provider: TrustProvider, kid: string): boolean
}
