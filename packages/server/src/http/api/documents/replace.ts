import { expectedRevision } from '../etag.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { operationId, type ResourceNoun } from './noun.ts'
import { refuseOtherKind } from './refuse-other-kind.ts'
import { documentBody, ifMatchOf, resourceReply, resourceWire, wideningOf } from './wire.ts'

/** `PUT /v1/{plural}/{id}`: replaces the whole document; what it does not name is gone (T35). */
export function replaceDocument(noun: ResourceNoun): Operation {
  return defineOperation({
    id: operationId('replace', noun),
    method: 'PUT',
    path: `/v1/${noun.plural}/{id}`,
    scope: `${noun.plural}:write`,
    summary: `Replace the whole document of a ${noun.singular}`,
    params: objectParams,
    body: documentBody,
    replies: { 200: { description: 'The new state', schema: resourceWire } },
    errors: [
      'not_found',
      'conflict',
      'precondition_failed',
      'widening_refused',
      'escalation_refused',
      'policy_tests_failed',
    ],
    async handle({ actor, params, body, ifMatch }, { administration }) {
      refuseOtherKind(noun, body.document)
      const { plural } = noun
      const revision = await expectedRevision(
        ifMatch,
        async () => (await administration.get(plural, params.id)).revision,
      )
      return resourceReply(
        await administration.replace({
          actor,
          plural,
          id: params.id,
          document: body.document,
          ...ifMatchOf(revision),
          ...wideningOf(body.allow_widening),
        }),
      )
    },
  })
}
