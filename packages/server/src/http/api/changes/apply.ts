import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'
import { setBody, toApplyInput } from './set-body.ts'
import { MAX_SET_BYTES, planWire, toPlanWire } from './wire.ts'

/** `POST /v1/apply`: carries out all of a set of documents or nothing. */
export const apply: Operation = defineOperation({
  id: 'apply',
  method: 'POST',
  path: '/v1/apply',
  scope: 'resources:apply',
  summary: 'Apply documents: all of them or none',
  repeatable: true,
  maxBodyBytes: MAX_SET_BYTES,
  body: setBody,
  replies: {
    200: {
      description: 'What was done; `applied` is false for a dry run',
      schema: z.object({ plan: planWire, revision: z.number().int(), applied: z.boolean() }),
    },
  },
  errors: ['conflict', 'widening_refused', 'escalation_refused', 'policy_tests_failed', 'idempotency_mismatch'],
  async handle({ actor, body }, { administration }) {
    const { plan, revision, applied } = await administration.apply({ actor, ...toApplyInput(body) })
    return { status: 200, body: { plan: toPlanWire(plan, actor), revision, applied } }
  },
})
