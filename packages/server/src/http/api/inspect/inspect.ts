import { z } from 'zod'
import { decisionMembers, toDecisionWire } from '../events/index.ts'
import { defineOperation, type Operation } from '../operation.ts'

/** `POST /v1/inspect`: what would happen to a proof. Nothing is issued or used up, and the token is neither stored nor logged. */
export const inspect: Operation = defineOperation({
  id: 'inspect',
  method: 'POST',
  path: '/v1/inspect',
  scope: 'proofs:inspect',
  summary: 'Inspect a proof',
  body: z.strictObject({
    token: z
      .string()
      .min(1)
      .max(16 * 1024),
  }),
  replies: {
    200: {
      description: 'The verdict of the strict verifier and of the nearest policies',
      schema: z.object(decisionMembers).meta({ id: 'Inspection' }),
    },
  },
  errors: [],
  async handle({ body }, deps) {
    return { status: 200, body: toDecisionWire(await deps.inspectProof(body.token)) }
  },
})
