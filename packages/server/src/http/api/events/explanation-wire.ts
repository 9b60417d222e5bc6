import { z } from 'zod'
import type { ExplainedPolicy, Explanation } from '../../../federation/index.ts'
import { instant } from '../schemas.ts'

const named = z.object({ id: z.string(), name: z.string() }).nullable()

/** The part of an explanation that an inspection of a proof shares. */
export const decisionMembers = {
  outcome: z.enum(['allowed', 'denied']),
  code: z.string(),
  headline: z.string(),
  workload_id: z.string().nullable(),
  provider: named,
  steps: z.array(z.object({ step: z.string(), outcome: z.enum(['ok', 'failed', 'not_reached']), detail: z.string() })),
  policies: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      revision: z.number().int(),
      mode: z.enum(['enforce', 'shadow']),
      conditions: z.array(
        z.object({
          claim: z.string(),
          operator: z.string(),
          expected: z.string(),
          actual: z.unknown().meta({ description: 'null when the claim is absent' }),
          outcome: z.enum(['ok', 'absent', 'wrong_type', 'different']),
        }),
      ),
      failing: z.number().int(),
    }),
  ),
  fixes: z.array(z.string()),
  claims: z.record(z.string(), z.unknown()).nullable(),
  notes: z.array(z.string()),
}

/** An explanation on the wire. */
export const explanationWire: z.ZodType = z
  .object({
    id: z.string(),
    at: instant,
    ...decisionMembers,
    caller_saw: z.object({ status: z.number().int(), error: z.string() }),
    service: named,
    took_microseconds: z.number().nullable(),
  })
  .meta({ id: 'Explanation' })

/** The wire form of what an explanation and an inspection share. */
export function toDecisionWire(
  decision: Pick<
    Explanation,
    'outcome' | 'code' | 'headline' | 'workloadId' | 'provider' | 'steps' | 'policies' | 'fixes' | 'claims' | 'notes'
  >,
): Readonly<Record<string, unknown>> {
  return {
    outcome: decision.outcome,
    code: decision.code,
    headline: decision.headline,
    workload_id: decision.workloadId ?? null,
    provider: decision.provider === undefined ? null : { id: decision.provider.id, name: decision.provider.name },
    steps: decision.steps.map(({ step, outcome, detail }) => ({ step, outcome, detail })),
    policies: decision.policies.map(toPolicyWire),
    fixes: decision.fixes,
    claims: decision.claims ?? null,
    notes: decision.notes,
  }
}

/** The wire form of an explanation. */
export function toExplanationWire(explanation: Explanation): Readonly<Record<string, unknown>> {
  return {
    id: explanation.id,
    at: explanation.at.toISOString(),
    ...toDecisionWire(explanation),
    caller_saw: { status: explanation.callerSaw.status, error: explanation.callerSaw.error },
    service: explanation.service === undefined ? null : { id: explanation.service.id, name: explanation.service.name },
    took_microseconds: explanation.tookMicroseconds ?? null,
  }
}

function toPolicyWire(policy: ExplainedPolicy): Readonly<Record<string, unknown>> {
  return {
    id: policy.id,
    name: policy.name,
    revision: policy.revision,
    mode: policy.mode,
    conditions: policy.conditions.map(({ claim, operator, expected, actual, outcome }) => ({
      claim,
      operator,
      expected,
      actual: actual ?? null,
      outcome,
    })),
    failing: policy.failing,
  }
}
