import { z } from 'zod'
import type { Actor, Plan, PlannedChange } from '../../../admin/index.ts'
import { RESOURCE_NOUNS } from '../documents/index.ts'

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

/** The read scope that the actor lacks for one of the kinds; undefined when it may read all of them. */
export function unreadableScope(kinds: Iterable<string>, actor: Actor): string | undefined {
  return [...kinds].map(readScopeOf).find((scope) => !actor.scopes.has(scope))
}

/**
 * The wire form of a plan. What stands in stored documents of a kind that the actor may not read stays out of it (invariant 8):
 * the right to write a kind is not the right to read it.
 */
export function toPlanWire(plan: Plan, actor: Actor): Readonly<Record<string, unknown>> {
  return {
    changes: plan.changes.map((change) => toChangeWire(change, actor.scopes.has(readScopeOf(change.kind)))),
    problems: plan.problems,
    widens: plan.widens,
    hash: plan.hash,
    base_revision: plan.baseRevision,
  }
}

function readScopeOf(kind: string): string {
  return `${RESOURCE_NOUNS.find((noun) => noun.kind === kind)?.plural ?? kind}:read`
}

function toChangeWire(change: PlannedChange, readable: boolean): Readonly<Record<string, unknown>> {
  const { action, kind, name, id, effect, reasons, problems } = change
  const differences = readable ? change.differences : []
  return { action, kind, name, id: id ?? null, differences, effect, reasons: readable ? reasons : [], problems }
}
