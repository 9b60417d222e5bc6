import { z } from 'zod'
import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { instant } from '../schemas.ts'

/** `GET /v1/audit/checkpoint`: the newest signed checkpoint. */
export const getCheckpoint: Operation = defineOperation({
  id: 'getAuditCheckpoint',
  method: 'GET',
  path: '/v1/audit/checkpoint',
  scope: 'audit:read',
  summary: 'Get the newest signed checkpoint of the audit log',
  masked: true,
  replies: {
    200: {
      description: 'The checkpoint; `note` is the C2SP signed note',
      schema: z.object({ size: z.number().int(), root: z.string(), note: z.string(), at: instant }),
    },
  },
  errors: ['not_found'],
  async handle(_input, { events }) {
    const checkpoint = await events.checkpoint()
    if (checkpoint === undefined) throw new ServiceError('not_found')
    const { size, root, note, at } = checkpoint
    return { status: 200, body: { size, root: Buffer.from(root).toString('base64'), note, at: at.toISOString() } }
  },
})
