import { expectedRevision } from '../etag.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { operationId, type ResourceNoun } from './noun.ts'
import { ifMatchOf } from './wire.ts'

/** `DELETE /v1/{plural}/{id}`: removes a resource; `restore` undoes it for 7 days, but not the revocations it caused. */
export function removeDocument(noun: ResourceNoun): Operation {
  return defineOperation({
    id: operationId('remove', noun),
    method: 'DELETE',
    path: `/v1/${noun.plural}/{id}`,
    scope: `${noun.plural}:write`,
    summary: `Delete a ${noun.singular}`,
    params: objectParams,
    replies: { 204: { description: 'Gone' } },
    errors: ['not_found', 'conflict', 'precondition_failed', 'escalation_refused'],
    async handle({ actor, params, ifMatch }, { administration }) {
      const { plural } = noun
      const revision = await expectedRevision(
        ifMatch,
        async () => (await administration.get(plural, params.id)).revision,
      )
      await administration.remove({ actor, plural, id: params.id, ...ifMatchOf(revision) })
      return { status: 204 }
    },
  })
}
