import { z } from 'zod'
import type { RecordedEvent } from '../../../audit/index.ts'
import { instant } from '../schemas.ts'

/** An audit event on the wire. */
export const eventWire: z.ZodType = z
  .object({
    id: z.string(),
    at: instant,
    kind: z.string(),
    outcome: z.enum(['allowed', 'denied', 'done', 'failed']),
    actor: z.string(),
    workload_id: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
    leaf_index: z.number().int().nullable().meta({ description: 'place in the audit tree; null until sealed' }),
  })
  .meta({ id: 'Event' })

/** The wire form of an event. */
export function toEventWire(event: RecordedEvent): Readonly<Record<string, unknown>> {
  return {
    id: event.id,
    at: event.at.toISOString(),
    kind: event.kind,
    outcome: event.outcome,
    actor: event.actor,
    workload_id: event.workloadId ?? null,
    data: event.data,
    leaf_index: event.leafIndex ?? null,
  }
}
