import { z } from 'zod'
import type { Plan, PlannedChange } from '../../../admin/index.ts'

/** The most that a set of documents may weigh as JSON. */
export const MAX_SET_BYTES = 1024 * 1024

const fault = z.object({
  document: z.string().meta({ description: 'KIND/NAME of the document' }),
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  pointer: z.string(),
  detail: z.string(),
  fix: z.string(),
})

/** Faults and warnings of documents on the wire. */
export const faultsWire: z.ZodType = z.array(fault)

/** A plan on the wire. */
export const planWire: z.ZodType = z
  .object({
    changes: z.array(
      z.object({
        action: z.enum(['create', 'update', 'delete', 'none']),
        kind: z.string(),
        name: z.string(),
        id: z.string().nullable(),
        differences: z.array(
          z.object({ pointer: z.string(), before: z.string().optional(), after: z.string().optional() }),
        ),
        effect: z.enum(['none', 'narrows', 'widens', 'widens_and_narrows']),
        reasons: z.array(z.string()),
        problems: z.array(fault.omit({ document: true })),
      }),
    ),
    problems: faultsWire,
    widens: z.boolean(),
    hash: z.string().meta({ description: 'give it as allow_widening to carry out exactly this plan' }),
    base_revision: z.number().int(),
  })
  .meta({ id: 'Plan' })

/** The wire form of a plan. */
export function toPlanWire(plan: Plan): Readonly<Record<string, unknown>> {
  return {
    changes: plan.changes.map(toChangeWire),
    problems: plan.problems,
    widens: plan.widens,
    hash: plan.hash,
    base_revision: plan.baseRevision,
  }
}

function toChangeWire(change: PlannedChange): Readonly<Record<string, unknown>> {
  const { action, kind, name, id, differences, effect, reasons, problems } = change
  return { action, kind, name, id: id ?? null, differences, effect, reasons, problems }
}
