import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'
import { signingKeyWire, toSigningKeyWire } from './wire.ts'

/** `GET /v1/signing-keys`: every key with its state over time. */
export const listSigningKeys: Operation = defineOperation({
  id: 'listSigningKeys',
  method: 'GET',
  path: '/v1/signing-keys',
  scope: 'signing-keys:read',
  summary: 'List signing keys',
  replies: {
    200: {
      description: 'Newest first; `next` is always null',
      schema: z.object({ items: z.array(signingKeyWire), next: z.null() }),
    },
  },
  errors: [],
  async handle(_input, deps) {
    return { status: 200, body: { items: (await deps.listSigningKeys()).map(toSigningKeyWire), next: null } }
  },
})
