import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'

/** `GET /v1/openapi.json`: this API's description, the same on every installation. */
export const openApi: Operation = defineOperation({
  id: 'getOpenApi',
  method: 'GET',
  path: '/v1/openapi.json',
  scope: 'public',
  summary: 'Get the OpenAPI 3.1 description',
  replies: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) } },
  errors: [],
  async handle() {
    // Made when it is asked for: a server start pays nothing for it.
    const { openApiDocument } = await import('../openapi.ts')
    return { status: 200, body: openApiDocument(), headers: { 'cache-control': 'public, max-age=300' } }
  },
})
