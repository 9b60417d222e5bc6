import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'
import { manyDocuments } from '../schemas.ts'
import { faultsWire, MAX_SET_BYTES } from './wire.ts'

/** `POST /v1/lint`: faults and warnings of documents, each with its fix. Changes nothing. */
export const lint: Operation = defineOperation({
  id: 'lint',
  method: 'POST',
  path: '/v1/lint',
  scope: 'resources:diff',
  summary: 'Find faults in documents',
  maxBodyBytes: MAX_SET_BYTES,
  body: z.strictObject({ documents: manyDocuments }),
  replies: {
    200: { description: 'Empty `problems` means that nothing was found', schema: z.object({ problems: faultsWire }) },
  },
  errors: [],
  async handle({ body }, { administration }) {
    return { status: 200, body: { problems: await administration.lint(body.documents) } }
  },
})
