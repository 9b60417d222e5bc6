import { z } from 'zod'
import { actorName } from '../../../admin/index.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { instant } from '../schemas.ts'
import { signingKeyWire, toSigningKeyWire } from './wire.ts'

/** `POST /v1/signing-keys/rotate`: publishes a successor, which signs after the time that keys are published ahead, or at once. */
export const rotateSigningKey: Operation = defineOperation({
  id: 'rotateSigningKey',
  method: 'POST',
  path: '/v1/signing-keys/rotate',
  scope: 'signing-keys:write',
  summary: 'Rotate a signing key',
  repeatable: true,
  body: z.strictObject({
    kid: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .optional()
      .meta({ description: 'the active key to replace; else the one of `purpose` and `alg`' }),
    purpose: z.enum(['access_token', 'checkpoint', 'receipt']).optional().meta({ description: 'default access_token' }),
    alg: z
      .enum(['ES256', 'RS256', 'Ed25519'])
      .optional()
      .meta({ description: 'needed where several algorithms sign for the purpose' }),
    now: z.boolean().default(false).meta({
      description:
        'sign with it at once: verifiers that keep the key set without asking again refuse its tokens until they do',
    }),
  }),
  replies: {
    201: {
      description: 'The successor, the key that it replaces, and when',
      schema: z.object({ successor: signingKeyWire, predecessor: signingKeyWire, activates_at: instant }),
    },
  },
  errors: ['not_found', 'conflict'],
  async handle({ body, actor }, deps) {
    const { successor, predecessor, activatesAt } = await deps.rotateSigningKey({
      ...(body.kid === undefined ? {} : { kid: body.kid }),
      ...(body.purpose === undefined ? {} : { purpose: body.purpose }),
      ...(body.alg === undefined ? {} : { alg: body.alg }),
      now: body.now,
      actor: actorName(actor),
    })
    return {
      status: 201,
      body: {
        successor: toSigningKeyWire(successor),
        predecessor: toSigningKeyWire(predecessor),
        activates_at: activatesAt.toISOString(),
      },
    }
  },
})
