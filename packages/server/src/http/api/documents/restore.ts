import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { operationId, type ResourceNoun } from './noun.ts'
import { resourceReply, resourceWire } from './wire.ts'

/** `POST /v1/{plural}/{id}/restore`: undoes a removal within 7 days. */
export function restoreDocument(noun: ResourceNoun): Operation {
  return defineOperation({
    id: operationId('restore', noun),
    method: 'POST',
    path: `/v1/${noun.plural}/{id}/restore`,
    scope: `${noun.plural}:write`,
    summary: `Undo the deletion of a ${noun.singular}`,
    repeatable: true,
    params: objectParams,
    replies: { 200: { description: 'The restored state', schema: resourceWire } },
    errors: ['not_found', 'conflict', 'widening_refused', 'escalation_refused', 'idempotency_mismatch'],
    async handle({ actor, params }, { administration }) {
      return resourceReply(await administration.restore({ actor, plural: noun.plural, id: params.id }))
    },
  })
}
