import { z } from 'zod'
import { instant } from '../schemas.ts'

const follower = z.object({
  id: z.string().meta({ description: 'workload id and instance' }),
  workload_id: z.string(),
  service: z.string().meta({ description: 'id of the service that it verifies for' }),
  lease_until: instant.meta({ description: 'until when it could have accepted without asking again' }),
  confirmed_at: instant
    .nullable()
    .meta({ description: 'when it was known to have applied the revocation; null: it has not said so' }),
})

const service = z.object({
  id: z.string(),
  name: z.string(),
  followers: z.number().int(),
  may_accept_until: instant.nullable().meta({ description: 'until when the service may accept what was revoked' }),
  why: z.enum(['followers', 'no_followers', 'last_known_good', 'server']),
})

/** A receipt on the wire; the domain writes it, since `countersign audit verify` reads the same document. */
export const receiptWire: z.ZodType = z
  .object({
    id: z.string(),
    state: z.enum(['pending', 'final']),
    waiting_for: z.enum(['followers', 'sealing', 'log_refused']).nullable().meta({ description: 'null when final' }),
    kind: z.string(),
    value: z.string(),
    revision: z.number().int(),
    reason: z.string(),
    actor: z.string(),
    committed_at: instant,
    effective_everywhere_at: instant,
    followers: z.array(follower),
    services: z.array(service),
    event_id: z.string().meta({ description: 'event of the revocation itself' }),
    final_at: instant.nullable(),
    note: z.string().nullable().meta({ description: 'C2SP signed note of the facts; null until final' }),
    proof: z
      .object({
        event: z.string().meta({ description: 'base64 of the sealed event `revocation.confirmed`' }),
        leaf_index: z.number().int(),
        hashes: z.array(z.string()),
        checkpoint: z.string(),
      })
      .nullable()
      .meta({ description: 'inclusion of the facts in the audit log; null until final' }),
    verifier_keys: z.array(z.string()).optional().meta({ description: 'keys that verify note and checkpoint' }),
  })
  .meta({ id: 'Receipt' })
