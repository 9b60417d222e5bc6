import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'

/** `GET /v1/export`: every document, as `apply` takes them. */
export const exportDocuments: Operation = defineOperation({
  id: 'exportDocuments',
  method: 'GET',
  path: '/v1/export',
  scope: 'resources:export',
  summary: 'Export every document',
  replies: {
    200: {
      description: 'Sorted by kind and name',
      schema: z.object({ documents: z.array(z.record(z.string(), z.unknown())) }),
    },
  },
  errors: [],
  async handle(_input, { administration }) {
    return { status: 200, body: { documents: await administration.export() } }
  },
})
