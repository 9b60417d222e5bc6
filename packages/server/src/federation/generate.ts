import { typeClaims } from '../attestors/index.ts'
import { ServiceError } from '../errors.ts'
import { type DenialCode, type GeneratedPolicyDraft, generatePolicy } from '../policy/index.ts'
import { type ExplainDeps, findDecision } from './explain.ts'

/** What drafting a policy from a recorded exchange needs. */
export interface GeneratePolicyDeps extends ExplainDeps {
  readonly now: () => Date
}

/**
 * Drafts the tight policy that would admit exactly the workload of a recorded exchange. Only decisions are answered, and those lie
 * inside the provider's `require`: a stranger's proof never becomes a policy.
 * @throws ServiceError not_found (no such decision), validation_failed (its claims or its provider are gone)
 */
export function createGeneratePolicy(deps: GeneratePolicyDeps): (eventId: string) => Promise<GeneratedPolicyDraft> {
  return async (eventId) => {
    const decision = await findDecision(deps, eventId)
    if (!decision) {
      throw new ServiceError('not_found', {
        detail: 'a policy can be drafted from a decision (evt_) of the exchange only',
      })
    }
    const { event, snapshot, tokenClaims } = decision
    const provider = snapshot.providers.find((candidate) => candidate.id === event.data['provider'])
    if (!tokenClaims || !provider) {
      const missing = tokenClaims ? 'the trust provider' : 'the claims'
      throw new ServiceError('validation_failed', { detail: `${missing} of this event are no longer kept` })
    }
    const service = [...snapshot.services.byName.values()].find((candidate) => candidate.id === event.data['service'])
    const code = event.data['code']
    const nearest = snapshot.policiesById.get(String(event.data['nearest_policy'] ?? ''))
    return generatePolicy({
      provider,
      claims: typeClaims(provider.preset, tokenClaims).claims,
      service,
      now: deps.now(),
      ...(typeof code === 'string' ? { denial: { code: code as DenialCode, nearestPolicyName: nearest?.name } } : {}),
    })
  }
}
