import { z } from 'zod'
import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { receiptWire } from '../receipts/index.ts'

/** Text as an event can hold it: no control characters, no half of a pair. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value), 'control characters are not allowed')

/** The longest subject is a URI of 1,024 characters. */
const MAX_VALUE_LENGTH = 1_024
const MAX_REASON_LENGTH = 500

/** `POST /v1/revocations`: ends what has been issued, and answers with the receipt. */
export const createRevocation: Operation = defineOperation({
  id: 'createRevocation',
  method: 'POST',
  path: '/v1/revocations',
  scope: 'revocations:write',
  summary: 'Revoke credentials that are out',
  repeatable: true,
  body: z.strictObject({
    kind: z.enum(['jti', 'subject', 'workload', 'policy', 'provider', 'service', 'signing_key', 'issued_before']),
    value: text(MAX_VALUE_LENGTH).meta({ description: 'id or name; for issued_before an instant, or `now`' }),
    reason: text(MAX_REASON_LENGTH),
    disable: z
      .boolean()
      .default(false)
      .meta({ description: 'policy, provider or service: disable it as well, in the same transaction' }),
    force: z.boolean().default(false).meta({
      description: 'also what is not known here, e.g. after a restore; it is refused for the longest life of a token',
    }),
    wait_seconds: z
      .number()
      .int()
      .min(0)
      .max(60)
      .default(5)
      .meta({ description: 'how long to wait for a final receipt' }),
  }),
  replies: { 201: { description: 'The receipt, final or still pending', schema: receiptWire } },
  errors: ['not_found', 'conflict', 'escalation_refused'],
  async handle({ body, actor }, { revokeCredentials, receipts }) {
    const { wait_seconds: waitSeconds, ...input } = body
    const { receiptId } = await revokeCredentials({ ...input, actor })
    const receipt = await receipts.waitFor(receiptId, waitSeconds * 1_000)
    if (receipt === undefined) throw new ServiceError('internal_error', { internal: `receipt ${receiptId} is gone` })
    return { status: 201, body: receipt, headers: { location: `/v1/receipts/${receiptId}` } }
  },
})
