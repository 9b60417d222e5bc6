import type { ProofRefusal } from '../attestors/index.ts'
import type { DenialCode } from '../policy/index.ts'
import type { SenderRefusal } from './sender.ts'
import type { ExplainedStep } from './types.ts'

const ORDER: readonly ExplainedStep['step'][] = [
  'parse',
  'provider',
  'signature',
  'audience',
  'fresh',
  'require',
  'sender',
  'policy',
  'replay',
  'issue',
]

/** Which step each denial of a verified proof stops at. */
const DENIED_AT: Readonly<
  Record<DenialCode | SenderRefusal['code'] | 'signing_key_unavailable', ExplainedStep['step']>
> = {
  invalid_dpop_proof: 'sender',
  proof_holder_unproven: 'sender',
  sender_constraint_required: 'policy',
  overloaded: 'sender',
  signing_key_unavailable: 'issue',
  ambiguous_provider: 'provider',
  unknown_audience: 'policy',
  no_matching_policy: 'policy',
  scope_not_granted: 'policy',
  ambiguous_policy: 'policy',
  dangerous_proof: 'policy',
  proof_too_old: 'fresh',
  policy_expired: 'policy',
  outside_limits: 'policy',
  replayed: 'replay',
}

/** The steps of an exchange up to the one that failed; those after it were not reached. Undefined: all are ok. */
export function stepsUpTo(
  failedAt: ExplainedStep['step'] | undefined,
  details: Partial<Record<ExplainedStep['step'], string>>,
): readonly ExplainedStep[] {
  const failed = failedAt === undefined ? ORDER.length : ORDER.indexOf(failedAt)
  return ORDER.map((step, index) => ({
    step,
    outcome: index < failed ? 'ok' : index === failed ? 'failed' : 'not_reached',
    detail: details[step] ?? '',
  }))
}

/** The step at which a decision of this code was denied. `byPolicy`: it names a policy, so that policies had been looked at. */
export function stepOfDenial(code: string, byPolicy: boolean): ExplainedStep['step'] {
  // Also a request can ask for a binding that it does not prove.
  if (code === 'sender_constraint_required' && !byPolicy) return 'sender'
  return Object.hasOwn(DENIED_AT, code) ? DENIED_AT[code as keyof typeof DENIED_AT] : 'policy'
}

/** The step at which a proof was refused before any decision. */
export function stepOfRefusal(stage: ProofRefusal['stage'] | string): ExplainedStep['step'] {
  return ORDER.find((step) => step === stage) ?? 'parse'
}
