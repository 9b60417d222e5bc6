import { z } from 'zod'
import type { SealStatus } from '../../../signing-keys/index.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { instant } from '../schemas.ts'

/** `GET /v1/seal`: how private keys are sealed, and whether the configured key would open them at the next start. */
export const getSeal: Operation = defineOperation({
  id: 'getSeal',
  method: 'GET',
  path: '/v1/seal',
  scope: 'signing-keys:read',
  summary: 'Get the state of the seal',
  replies: {
    200: {
      description: 'The seal; the provider is asked for this answer. No key and no wrapped key is in it',
      schema: z
        .object({
          form: z.enum(['envelope', 'file_key', 'none']),
          provider: z.enum(['file', 'transit']),
          location: z.string(),
          opens: z.boolean(),
          problem: z.object({ code: z.string(), detail: z.string() }).nullable(),
          wrappings: z.array(
            z.object({ provider: z.string(), key_id: z.string(), at: instant, current: z.boolean().nullable() }),
          ),
        })
        .meta({ id: 'Seal' }),
    },
  },
  errors: [],
  handle: async (_input, deps) => ({ status: 200, body: toSealWire(await deps.sealStatus()) }),
})

function toSealWire(status: SealStatus): Readonly<Record<string, unknown>> {
  const { form, provider, location, opens, problem } = status
  return {
    ...{ form, provider, location, opens, problem: problem ?? null },
    wrappings: status.wrappings.map((wrapping) => ({
      provider: wrapping.provider,
      key_id: wrapping.keyId,
      at: wrapping.at.toISOString(),
      current: wrapping.current ?? null,
    })),
  }
}
