import {
  type Attestation,
  type Attestors,
  findCandidates,
  type ProofRefusal,
  readUnverified,
  type TrustProvider,
} from '../attestors/index.ts'
import type { ErrorCode } from '../errors.ts'

/** Why no provider's word is taken for a proof. */
export type AttestRefusal = Omit<ProofRefusal, 'code'> & { readonly code: ErrorCode }

/** What the providers that could know a proof say of it. */
export type AttestProofOutcome =
  | {
      readonly ok: true
      readonly attestation: Attestation
      /** More than one accepts it: nobody can say whose it is, and it is denied. */
      readonly ambiguous: boolean
    }
  | {
      readonly ok: false
      readonly refusal: AttestRefusal
      /** The providers that looked at the proof and refused it. */
      readonly refusedBy: readonly TrustProvider[]
    }

/** What asking the providers needs. */
export interface AttestProofDeps {
  readonly attestors: Attestors
  /** Whether providers with emulated issuers (plain http on loopback) may be used: only while this server listens on loopback. */
  readonly loopbackProvidersAllowed: boolean
  /** Asked before each provider's signature work; a refusal ends it all. */
  readonly admit?: (provider: TrustProvider) => AttestRefusal | undefined
}

/** Asks every provider that could know the proof, so that two that accept it are seen. The exchange and `inspect` share it. */
export async function attestProof(
  proof: string,
  providers: readonly TrustProvider[],
  { attestors, loopbackProvidersAllowed, admit }: AttestProofDeps,
): Promise<AttestProofOutcome> {
  const unverified = readUnverified(proof)
  if (!unverified.ok) return { ...unverified, refusedBy: [] }
  const candidates = findCandidates(providers, unverified.value, attestors)
  if (!candidates.ok) return { ...candidates, refusedBy: [] }
  if (candidates.omitted > 0) {
    // One that was not asked could accept the proof too, and nobody would see that it is ambiguous.
    const detail = 'more than 8 trust providers share issuer, audience and key; give them audiences of their own'
    return { ok: false, refusal: { code: 'ambiguous_provider', stage: 'provider', detail }, refusedBy: [] }
  }
  let refusal: ProofRefusal | undefined
  const accepted: Attestation[] = []
  const refusedBy: TrustProvider[] = []
  for (const provider of candidates.providers) {
    if (provider.allowLoopbackHttp === true && !loopbackProvidersAllowed) {
      const detail = 'the provider is an emulated issuer, and this server listens beyond loopback'
      refusal = furthest(refusal, { code: 'provider_unavailable', stage: 'provider', detail, providerId: provider.id })
      continue
    }
    const notAdmitted = admit?.(provider)
    if (notAdmitted) return { ok: false, refusal: notAdmitted, refusedBy }
    const outcome = await attestors.attest(proof, provider, unverified.value.token)
    if (outcome.ok) accepted.push(outcome.attestation)
    else {
      refusal = furthest(refusal, outcome.refusal)
      // Without keys nothing was looked at.
      if (outcome.refusal.code !== 'provider_unavailable') refusedBy.push(provider)
    }
  }
  const [attestation] = accepted
  if (attestation) return { ok: true, attestation, ambiguous: accepted.length > 1 }
  refusal ??= { code: 'proof_unknown_issuer', stage: 'provider', detail: 'no candidate provider' }
  return { ok: false, refusal, refusedBy }
}

const STAGES: readonly string[] = ['parse', 'provider', 'signature', 'audience', 'fresh', 'require']

/** Of several candidates' refusals, the one that got furthest says most. */
function furthest(before: ProofRefusal | undefined, next: ProofRefusal): ProofRefusal {
  if (!before) return next
  return STAGES.indexOf(next.stage) > STAGES.indexOf(before.stage) ? next : before
}
