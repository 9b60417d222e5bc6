import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { operationId, type ResourceNoun } from './noun.ts'
import { resourceReply, resourceWire } from './wire.ts'

/** `GET /v1/{plural}/{id}`: one resource by id or name. */
export function getDocument(noun: ResourceNoun): Operation {
  return defineOperation({
    id: operationId('get', noun),
    method: 'GET',
    path: `/v1/${noun.plural}/{id}`,
    scope: `${noun.plural}:read`,
    summary: `Get a ${noun.singular}`,
    masked: true,
    params: objectParams,
    replies: { 200: { description: 'The resource; ETag is its revision', schema: resourceWire } },
    errors: ['not_found'],
    async handle({ params }, { administration }) {
      return resourceReply(await administration.get(noun.plural, params.id))
    },
  })
}
