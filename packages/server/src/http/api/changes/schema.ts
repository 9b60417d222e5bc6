import { z } from 'zod'
import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'

/** `GET /v1/schemas/{kind}`: JSON Schema of a kind's documents, for editors. Equal on every installation of a version. */
export const documentSchema: Operation = defineOperation({
  id: 'getSchema',
  method: 'GET',
  path: '/v1/schemas/{kind}',
  scope: 'public',
  summary: 'Get the JSON Schema of a kind',
  params: z.strictObject({ kind: z.string().regex(/^[A-Za-z][A-Za-z-]{0,63}$/) }),
  replies: {
    200: {
      description: 'JSON Schema 2020-12',
      schema: z.record(z.string(), z.unknown()),
      mediaType: 'application/schema+json',
    },
  },
  errors: ['not_found'],
  async handle({ params }, deps) {
    const schema = deps.schemaOf(params.kind)
    if (schema === undefined) throw new ServiceError('not_found')
    return {
      status: 200,
      body: schema,
      headers: { 'content-type': 'application/schema+json', 'cache-control': 'public, max-age=300' },
    }
  },
})
