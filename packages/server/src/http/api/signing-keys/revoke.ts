import { z } from 'zod'
import { actorName } from '../../../admin/index.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { receiptWire } from '../receipts/index.ts'
import { signingKeyParams, signingKeyWire, toSigningKeyWire } from './wire.ts'

/** `POST /v1/signing-keys/{id}/revoke`: the emergency in one call (G-07). */
export const revokeSigningKey: Operation = defineOperation({
  id: 'revokeSigningKey',
  method: 'POST',
  path: '/v1/signing-keys/{id}/revoke',
  scope: 'signing-keys:write',
  summary: 'Revoke a signing key, its tokens with it, and sign with another one',
  repeatable: true,
  params: signingKeyParams,
  body: z.strictObject({
    reason: z
      .string()
      .min(1)
      .max(500)
      .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'control characters are not allowed'),
    wait_seconds: z
      .number()
      .int()
      .min(0)
      .max(60)
      .default(5)
      .meta({ description: 'how long to wait for a final receipt' }),
  }),
  replies: {
    200: {
      description:
        'The revoked key, a successor that was revoked with it, the key that signs now (null when the revoked one did not), and the receipt (null for keys that sign no tokens)',
      schema: z.object({
        revoked: signingKeyWire,
        revoked_successor: signingKeyWire.nullable(),
        replacement: signingKeyWire.nullable(),
        receipt: receiptWire.nullable(),
      }),
    },
  },
  errors: ['not_found', 'conflict'],
  async handle({ params, body, actor }, deps) {
    const { revoked, revokedSuccessor, replacement, receipt } = await deps.revokeSigningKey({
      kid: params.id,
      reason: body.reason,
      actor: actorName(actor),
      waitMs: body.wait_seconds * 1_000,
    })
    return {
      status: 200,
      body: {
        revoked: toSigningKeyWire(revoked),
        revoked_successor: revokedSuccessor ? toSigningKeyWire(revokedSuccessor) : null,
        replacement: replacement ? toSigningKeyWire(replacement) : null,
        receipt: receipt ?? null,
      },
    }
  },
})
