import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'
import { RESOURCE_KEY } from '../schemas.ts'

/** `POST /v1/trust-policies/generate`: writes, and does not save, the tight policy that would admit exactly one event's workload. */
export const generateTrustPolicy: Operation = defineOperation({
  id: 'generateTrustPolicy',
  method: 'POST',
  path: '/v1/trust-policies/generate',
  scope: 'trust-policies:generate',
  summary: 'Write a policy from a recorded exchange',
  body: z.strictObject({ event_id: z.string().regex(RESOURCE_KEY) }),
  replies: {
    200: {
      description: 'A document in mode shadow, to be read and applied by a person',
      schema: z.object({ document: z.record(z.string(), z.unknown()), notes: z.array(z.string()) }),
    },
  },
  errors: ['not_found'],
  async handle({ body }, deps) {
    const { document, notes } = await deps.generatePolicy(body.event_id)
    return { status: 200, body: { document, notes } }
  },
})
