import { expectedRevision } from '../etag.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { operationId, type ResourceNoun } from './noun.ts'
import { ifMatchOf, resourceReply, resourceWire } from './wire.ts'

/** `POST /v1/{plural}/{id}/enable` and `.../disable`: a disabled resource takes part in no decision. */
export function setDocumentEnabled(noun: ResourceNoun, verb: 'enable' | 'disable'): Operation {
  return defineOperation({
    id: operationId(verb, noun),
    method: 'POST',
    path: `/v1/${noun.plural}/{id}/${verb}`,
    scope: `${noun.plural}:write`,
    summary: `${verb === 'enable' ? 'Enable' : 'Disable'} a ${noun.singular}`,
    repeatable: true,
    params: objectParams,
    replies: { 200: { description: 'The new state', schema: resourceWire } },
    errors: [
      'not_found',
      'conflict',
      'precondition_failed',
      'widening_refused',
      'escalation_refused',
      'idempotency_mismatch',
    ],
    async handle({ actor, params, ifMatch }, { administration }) {
      const { plural } = noun
      const revision = await expectedRevision(
        ifMatch,
        async () => (await administration.get(plural, params.id)).revision,
      )
      return resourceReply(
        await administration.setEnabled({
          actor,
          plural,
          id: params.id,
          enabled: verb === 'enable',
          ...ifMatchOf(revision),
        }),
      )
    },
  })
}
