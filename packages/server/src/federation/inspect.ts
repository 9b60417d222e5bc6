import type { Attestation, Attestors } from '../attestors/index.ts'
import { ERRORS } from '../errors.ts'
import { explainPolicies, type PolicySnapshot } from '../policy/index.ts'
import { type AttestRefusal, attestProof } from './attest.ts'
import { stepOfRefusal, stepsUpTo } from './steps.ts'
import type { Explanation } from './types.ts'

/** What the strict verifier and the policies say of a proof that nobody exchanges. */
export type ProofInspection = Pick<
  Explanation,
  'outcome' | 'code' | 'headline' | 'workloadId' | 'provider' | 'steps' | 'policies' | 'fixes' | 'claims' | 'notes'
>

/** What inspecting needs. */
export interface InspectProofDeps {
  readonly attestors: Attestors
  readonly snapshot: () => PolicySnapshot
  /** As for the exchange: whether providers with emulated issuers may be used. */
  readonly loopbackProvidersAllowed: boolean
}

/** Verifies a proof as the exchange would and shows the nearest policies. Uses no slot, issues nothing, records nothing. */
export function createInspectProof({
  attestors,
  snapshot,
  loopbackProvidersAllowed,
}: InspectProofDeps): (token: string) => Promise<ProofInspection> {
  return async (token) => {
    const { providers, policiesById } = snapshot()
    const attested = await attestProof(token, providers, { attestors, loopbackProvidersAllowed })
    if (!attested.ok) return refused(attested.refusal)
    return attested.ambiguous ? refused(AMBIGUOUS) : verified(attested.attestation, policiesById.values())
  }
}

const AMBIGUOUS = {
  code: 'ambiguous_provider',
  stage: 'provider',
  detail: 'more than one trust provider accepts the proof; give them audiences of their own',
} as const

function refused({ code, stage, detail, providerId }: AttestRefusal): ProofInspection {
  const step = stepOfRefusal(stage)
  return {
    outcome: 'denied',
    code,
    headline: ERRORS[code].title,
    workloadId: undefined,
    provider: providerId === undefined ? undefined : { id: providerId, name: providerId },
    steps: stepsUpTo(step, { [step]: detail }),
    policies: [],
    fixes: [ERRORS[code].fix],
    claims: undefined,
    notes: [],
  }
}

function verified(
  attestation: Attestation,
  policies: Parameters<typeof explainPolicies>[0]['policies'],
): ProofInspection {
  const { claims, mistypedClaims, provider } = attestation
  const explained = explainPolicies({
    claims,
    provider,
    policies,
    request: { service: undefined },
    limit: 10,
    ...(mistypedClaims ? { mistypedClaims } : {}),
  })
  const matching = explained.filter((policy) => policy.failing === 0)
  const first = explained[0]
  return {
    outcome: matching.some((policy) => policy.mode === 'enforce') ? 'allowed' : 'denied',
    code: matching.length > 0 ? 'allowed' : 'no_matching_policy',
    headline:
      matching.length > 0
        ? `the proof verifies and matches ${matching.map((policy) => policy.name).join(', ')}`
        : `the proof verifies and matches no policy${first ? `; nearest is ${first.name}, ${first.failing} of ${first.conditions.length} fail` : ''}`,
    workloadId: attestation.workloadId,
    provider: { id: provider.id, name: provider.name },
    steps: stepsUpTo(matching.length > 0 ? 'replay' : 'policy', {}).map((step) =>
      step.step === 'replay'
        ? { ...step, outcome: 'not_reached' as const, detail: 'inspecting uses nothing up' }
        : step,
    ),
    policies: explained,
    fixes: [],
    claims: attestation.tokenClaims,
    notes: [
      'limits, scopes and the replay check are the exchange’s and were not evaluated',
      ...(Object.hasOwn(attestation.tokenClaims, 'cnf')
        ? ['the proof is bound to a key (cnf): the exchange takes it only with a proof by the same key']
        : []),
    ],
  }
}
