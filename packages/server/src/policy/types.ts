import type { Attestation, ClaimDefinition, ClaimValue, Danger, TrustProvider } from '../attestors/index.ts'
import type { Service } from '../inventory/index.ts'
import type { KindName, Problem } from '../resources/index.ts'

/** The claim that a condition tests, with what the provider's preset knows of it. */
export interface ConditionClaim {
  readonly claim: string
  /** The preset's type of the claim; absent when the preset does not define the claim. */
  readonly claimType?: ClaimDefinition['type']
  /** The platform compares this claim without regard to ASCII case (T34). */
  readonly foldCase?: boolean
}

/** One typed test of one claim. Segment-aware globs: `*` never crosses `/` or `:`. */
export type Condition = ConditionClaim &
  (
    | { readonly operator: 'eq'; readonly value: string | number | boolean }
    | { readonly operator: 'in' | 'notIn'; readonly values: readonly (string | number | boolean)[] }
    | { readonly operator: 'glob'; readonly pattern: string }
    | { readonly operator: 'exists'; readonly value: boolean }
    | { readonly operator: 'lt' | 'gt'; readonly value: number }
    | { readonly operator: 'cidr'; readonly ranges: readonly string[] }
  )

/** When a policy applies: days and hours in a named time zone. */
export interface TimeWindow {
  readonly days: readonly ('mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun')[]
  /** Minutes after midnight, `from` inclusive, `to` exclusive. */
  readonly fromMinute: number
  readonly toMinute: number
  readonly timeZone: string
}

/** How a caller can prove that it holds what the token will be bound to: a key (RFC 9449), or a client certificate (RFC 8705). */
export type SenderConstraint = 'dpop' | 'mtls'

/** A trust policy, parsed and checked, before it is compiled into the index. */
export interface TrustPolicy {
  readonly id: string
  readonly name: string
  readonly revision: number
  readonly enabled: boolean
  readonly mode: 'enforce' | 'shadow'
  readonly environment: string
  readonly crossEnvironment: boolean
  readonly providerId: string
  /** In file order. Every one must hold. Never empty: a policy without conditions does not compile. */
  readonly conditions: readonly Condition[]
  readonly grant: { readonly service: Service; readonly scopes: readonly string[]; readonly ttlSeconds: number }
  readonly limits: {
    readonly maxProofAgeSeconds?: number
    readonly maxUses?: number
    readonly usesPerMinute?: number
    /** CIDR ranges of the caller's address. */
    readonly sourceAddresses?: readonly string[]
    readonly timeWindow?: TimeWindow
    /** What its tokens must be bound to; `any` takes either. Absent: they may be bearer tokens. */
    readonly senderConstraint?: SenderConstraint | 'any'
  }
  readonly expiresAt: Date | undefined
  /** The preset's dangers, for comparing policies; absent means unknown, and then every named value counts as one. */
  readonly dangers?: readonly Danger[]
}

/** What the caller asks for, parsed. */
export interface GrantRequest {
  /** The service whose audience was named; undefined when no service has it. */
  readonly service: Service | undefined
  /** Undefined: whatever the policy grants. */
  readonly scopes: readonly string[] | undefined
  readonly ttlSeconds: number | undefined
  readonly remoteAddress: string | undefined
  /** What the caller has proven to hold, so that the token can be bound to it; undefined: nothing. */
  readonly senderConstraint?: SenderConstraint | undefined
}

/** What a decision permits. Scopes are a subset of exactly one policy's. */
export interface Grant {
  readonly service: Service
  readonly scopes: readonly string[]
  readonly ttlSeconds: number
  /** How often this proof may be used under the policy: the stricter of preset, provider and policy. */
  readonly uses: { readonly maxUses: number } | { readonly usesPerMinute: number }
}

/** How one condition came out; `absent`, `wrong_type` and `different` are three different things for who has to fix it. */
export interface ConditionResult {
  readonly claim: string
  readonly operator: string
  readonly expected: string
  readonly actual: ClaimValue | undefined
  readonly outcome: 'ok' | 'absent' | 'wrong_type' | 'different'
}

/** Why no policy granted. */
export type DenialCode =
  | 'unknown_audience'
  | 'no_matching_policy'
  | 'scope_not_granted'
  | 'ambiguous_policy'
  | 'dangerous_proof'
  | 'proof_too_old'
  | 'policy_expired'
  | 'outside_limits'
  | 'replayed'
  | 'ambiguous_provider'
  | 'sender_constraint_required'

/** The result of deciding: a grant under one policy, or a denial with the first failing condition of the nearest policy. */
export type Decision =
  | {
      readonly allowed: true
      readonly policy: TrustPolicy
      readonly grant: Grant
      /** Shadow policies that would have granted as well; never effective. */
      readonly shadow: readonly string[]
    }
  | {
      readonly allowed: false
      readonly code: DenialCode
      /** The policy that came nearest, if any applies to this provider and service. */
      readonly nearestPolicyId: string | undefined
      readonly firstFailing: { readonly claim: string; readonly outcome: ConditionResult['outcome'] } | undefined
      readonly shadow: readonly string[]
    }

/** Policies compiled for deciding: indexed by their most selective equality, so that cost does not grow with their number. */
export interface CompiledPolicies {
  /** Pure: the same input gives the same decision; no I/O, no clock but `now`. */
  decide(input: { attestation: Attestation; request: GrantRequest; now: Date }): Decision
  readonly size: number
}

/** A stored document that does not compile: it takes no part in any decision until it is corrected. */
export interface SnapshotFault {
  readonly resourceId: string
  readonly kind: KindName
  readonly name: string
  readonly problems: readonly Problem[]
}

/** Everything that decisions are made on, as of one revision. Immutable; unchanged parts are shared with the snapshot before. */
export interface PolicySnapshot {
  /** Every change up to this revision is contained; a later one may be. */
  readonly revision: number
  readonly providers: readonly TrustProvider[]
  readonly services: {
    readonly byAudience: ReadonlyMap<string, Service>
    readonly byName: ReadonlyMap<string, Service>
  }
  readonly policies: CompiledPolicies
  /** Enabled and disabled policies, for explanations and comparisons. */
  readonly policiesById: ReadonlyMap<string, TrustPolicy>
  readonly faults: readonly SnapshotFault[]
}
