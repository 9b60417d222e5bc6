import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'

/** `GET /v1/whoami`: who the server takes the caller for, and what it may do. */
export const whoami: Operation = defineOperation({
  id: 'whoami',
  method: 'GET',
  path: '/v1/whoami',
  scope: 'self',
  summary: 'Tell who the caller is',
  replies: {
    200: {
      description: 'The actor',
      schema: z.object({
        id: z.string(),
        kind: z.enum(['local-socket', 'workload']),
        scopes: z.array(z.string()),
        policy_id: z.string().nullable(),
      }),
    },
  },
  errors: [],
  async handle({ actor }) {
    const { id, kind, policyId } = actor
    return { status: 200, body: { id, kind, scopes: [...actor.scopes].sort(), policy_id: policyId ?? null } }
  },
})
