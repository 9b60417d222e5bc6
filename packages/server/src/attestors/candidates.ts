import type { Attestor, ProofRefusal, TrustProvider } from './types.ts'
import type { UnverifiedProof } from './unverified.ts'

/** Most providers that are asked about one proof (design section 5). */
export const MAX_CANDIDATES = 8

/** The providers to ask about a proof, or why there is none. */
export type CandidateOutcome =
  | {
      readonly ok: true
      readonly providers: readonly TrustProvider[]
      /** How many more hold the key and are not asked, being beyond the limit: a configuration to be told of when none accepts. */
      readonly omitted: number
    }
  | { readonly ok: false; readonly refusal: ProofRefusal }

type ByAudience = ReadonlyMap<string, readonly TrustProvider[]>

// A snapshot's list never changes, so it is indexed once.
const indexes = new WeakMap<readonly TrustProvider[], ReadonlyMap<string, ByAudience>>()

function indexOf(providers: readonly TrustProvider[]): ReadonlyMap<string, ByAudience> {
  const known = indexes.get(providers)
  if (known) return known
  const index = new Map<string, Map<string, TrustProvider[]>>()
  for (const provider of providers) {
    if (!provider.enabled) continue
    const byAudience = index.get(provider.issuer) ?? new Map<string, TrustProvider[]>()
    index.set(provider.issuer, byAudience)
    const sharing = byAudience.get(provider.audience) ?? []
    byAudience.set(provider.audience, sharing)
    sharing.push(provider)
  }
  indexes.set(providers, index)
  return index
}

function refused(code: ProofRefusal['code'], stage: ProofRefusal['stage'], detail: string): CandidateOutcome {
  return { ok: false, refusal: { code, stage, detail } }
}

/**
 * The enabled providers that are registered for exactly the issuer and an audience that the unverified token names; without one, the
 * proof is refused and nothing is fetched (T4, J-10: an unregistered issuer causes no socket). `providers` must not change after the call.
 * Where several share issuer and audience, those whose cached keys hold the kid are asked; when none holds it yet (keys not
 * fetched, or just rotated) they are asked all if they are few, since each fetches from its registered address at most every 30 s
 * (J-09), and none if they are more than 8.
 */
export function findCandidates(
  providers: readonly TrustProvider[],
  unverified: Omit<UnverifiedProof, 'token'>,
  keys: Pick<Attestor, 'holdsKey'>,
): CandidateOutcome {
  const byAudience = indexOf(providers).get(unverified.unverifiedIssuer)
  if (!byAudience)
    return refused('proof_unknown_issuer', 'provider', 'no trust provider is registered for the issuer of the proof')
  const sharing = unverified.unverifiedAudiences.flatMap((audience) => byAudience.get(audience) ?? [])
  if (sharing.length === 0) {
    return refused(
      'proof_wrong_audience',
      'audience',
      'trust providers are registered for the issuer, none for the audience of the proof',
    )
  }
  if (sharing.length === 1) return { ok: true, providers: sharing, omitted: 0 }
  const kid = unverified.unverifiedKid
  const holding = kid === undefined ? [] : sharing.filter((provider) => keys.holdsKey(provider, kid))
  if (holding.length > 0) {
    return {
      ok: true,
      providers: holding.slice(0, MAX_CANDIDATES),
      omitted: Math.max(0, holding.length - MAX_CANDIDATES),
    }
  }
  if (sharing.length <= MAX_CANDIDATES) return { ok: true, providers: sharing, omitted: 0 }
  return refused(
    'proof_unknown_key',
    'signature',
    `${sharing.length} trust providers share issuer and audience, and none of them holds the key of the proof`,
  )
}
