import { z } from 'zod'
import type { SeenWorkload } from '../../../inventory/index.ts'
import { instant } from '../schemas.ts'

/** A workload that exchanges recorded, on the wire. */
export const seenWorkloadWire: z.ZodType = z
  .object({
    id: z.string(),
    subject: z.string(),
    provider_id: z.string(),
    first_seen_at: instant,
    last_seen_at: instant,
    environments: z.array(z.string()),
  })
  .meta({ id: 'SeenWorkload' })

/** The wire form of a recorded workload. */
export function toSeenWorkloadWire(workload: SeenWorkload): Readonly<Record<string, unknown>> {
  return {
    id: workload.id,
    subject: workload.subject,
    provider_id: workload.providerId,
    first_seen_at: workload.firstSeenAt.toISOString(),
    last_seen_at: workload.lastSeenAt.toISOString(),
    environments: workload.environments,
  }
}
