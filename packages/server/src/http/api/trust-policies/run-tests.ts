import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'
import { anyDocument } from '../schemas.ts'

/** `POST /v1/trust-policies/test`: runs a policy document's `tests` without saving it. */
export const testTrustPolicy: Operation = defineOperation({
  id: 'testTrustPolicy',
  method: 'POST',
  path: '/v1/trust-policies/test',
  scope: 'trust-policies:test',
  summary: "Run a policy's tests",
  body: z.strictObject({ document: anyDocument }),
  replies: {
    200: {
      description: 'How each case came out',
      schema: z.object({
        passed: z.boolean(),
        cases: z.array(
          z.object({
            index: z.number().int(),
            expected: z.enum(['allow', 'deny']),
            passed: z.boolean(),
            detail: z.string(),
          }),
        ),
      }),
    },
  },
  errors: [],
  async handle({ body }, deps) {
    const cases = await deps.testPolicy(body.document)
    const wire = cases.map(({ index, expected, passed, detail }) => ({ index, expected, passed, detail }))
    return { status: 200, body: { passed: wire.every(({ passed }) => passed), cases: wire } }
  },
})
