import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'
import { instant } from '../schemas.ts'

const INSTANTS = ['createdAt', 'publishedAt', 'activeAt', 'retiredAt', 'removedAt', 'destroyedAt'] as const

/** `GET /v1/signing-keys`: every key with its state over time. No private half, not even a sealed one. */
export const listSigningKeys: Operation = defineOperation({
  id: 'listSigningKeys',
  method: 'GET',
  path: '/v1/signing-keys',
  scope: 'signing-keys:read',
  summary: 'List signing keys',
  replies: {
    200: {
      description: 'Newest first; `next` is always null',
      schema: z.object({
        items: z.array(
          z.object({
            kid: z.string(),
            purpose: z.string(),
            alg: z.string(),
            state: z.string(),
            created_at: instant,
            published_at: instant.nullable(),
            active_at: instant.nullable(),
            retired_at: instant.nullable(),
            removed_at: instant.nullable(),
            destroyed_at: instant.nullable(),
          }),
        ),
        next: z.null(),
      }),
    },
  },
  errors: [],
  async handle(_input, deps) {
    const items = (await deps.listSigningKeys()).map((key) => ({
      kid: key.kid,
      purpose: key.purpose,
      alg: key.alg,
      state: key.state,
      ...Object.fromEntries(INSTANTS.map((name) => [name.replace('At', '_at'), key[name]?.toISOString() ?? null])),
    }))
    return { status: 200, body: { items, next: null } }
  },
})
