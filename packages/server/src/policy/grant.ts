import type { Freshness, TrustProvider } from '../attestors/index.ts'
import type { Grant, GrantRequest, TrustPolicy } from './types.ts'

/** No token of ours lives longer than this, in seconds (D-702). */
export const MAX_TTL_SECONDS = 3600

// google-auth sends it whatever the caller asked for, when nothing was configured; it names no scope of ours.
const IGNORED_SCOPE = 'https://www.googleapis.com/auth/cloud-platform'

/** The scopes that a request really names, without repetition; undefined when it names none and wants what the policy has. */
export function namedScopes(request: Pick<GrantRequest, 'scopes'>): readonly string[] | undefined {
  if (request.scopes === undefined) return undefined
  const named = new Set(request.scopes.filter((scope) => scope !== IGNORED_SCOPE))
  return named.size === 0 ? undefined : [...named]
}

/**
 * The lifetime of a token in whole seconds: the minimum of request, policy, what is left of the policy, provider and
 * {@link MAX_TTL_SECONDS} (S-05).
 * @returns undefined when less than a second is left: rounding up would outlive the policy.
 */
export function lifetimeSeconds(input: {
  policy: TrustPolicy
  provider: TrustProvider
  requestedSeconds: number | undefined
  now: Date
}): number | undefined {
  const { policy, provider, requestedSeconds, now } = input
  const left = policy.expiresAt === undefined ? MAX_TTL_SECONDS : (policy.expiresAt.getTime() - now.getTime()) / 1000
  const least = Math.floor(
    Math.min(
      MAX_TTL_SECONDS,
      policy.grant.ttlSeconds,
      left,
      requestedSeconds ?? MAX_TTL_SECONDS,
      provider.maxTtlSeconds ?? MAX_TTL_SECONDS,
    ),
  )
  // Written so that NaN is refused as well.
  return least >= 1 ? least : undefined
}

function least(...values: (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined)
  return given.length === 0 ? undefined : Math.min(...given)
}

/** The greatest age of a proof in seconds, the stricter of preset, provider and policy; undefined: until it expires. */
export function maxProofAge(policy: TrustPolicy, provider: TrustProvider): number | undefined {
  return least(
    provider.preset.freshness.maxProofAgeSeconds,
    provider.freshness.maxProofAgeSeconds,
    policy.limits.maxProofAgeSeconds,
  )
}

/**
 * How often the proof may be used: the stricter of preset, provider and policy (S-07). What nobody states is once.
 * @returns undefined when the policy counts in another way than the proof's class allows; that is no grant.
 */
export function allowedUses(policy: TrustPolicy, provider: TrustProvider): Grant['uses'] | undefined {
  const { limits } = policy
  const sources: readonly Freshness[] = [provider.preset.freshness, provider.freshness]
  if (provider.preset.freshness.class === 'cached') {
    if (limits.maxUses !== undefined) return undefined
    return { usesPerMinute: least(...sources.map((source) => source.usesPerMinute), limits.usesPerMinute) ?? 1 }
  }
  if (limits.usesPerMinute !== undefined) return undefined
  return { maxUses: least(...sources.map((source) => source.maxUses), limits.maxUses) ?? 1 }
}
