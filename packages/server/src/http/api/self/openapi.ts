import { z } from 'zod'
import { describeOperations } from '../openapi.ts'
import { defineOperation, type Operation } from '../operation.ts'

/** `GET /v1/openapi.json`: the description of the table that it is itself part of, the same on every installation. */
export function openApi(table: () => readonly Operation[]): Operation {
  return defineOperation({
    id: 'getOpenApi',
    method: 'GET',
    path: '/v1/openapi.json',
    scope: 'public',
    summary: 'Get the OpenAPI 3.1 description',
    replies: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.unknown()) } },
    errors: [],
    async handle() {
      return { status: 200, body: describeOperations(table()), headers: { 'cache-control': 'public, max-age=300' } }
    },
  })
}
