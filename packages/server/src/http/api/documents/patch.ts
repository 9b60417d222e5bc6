import { expectedRevision } from '../etag.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { operationId, type ResourceNoun } from './noun.ts'
import { documentBody, ifMatchOf, resourceReply, resourceWire, wideningOf } from './wire.ts'

/** `PATCH /v1/{plural}/{id}`: RFC 7396 merge patch of the document; what it does not name stays (T35). */
export function patchDocument(noun: ResourceNoun): Operation {
  return defineOperation({
    id: operationId('patch', noun),
    method: 'PATCH',
    path: `/v1/${noun.plural}/{id}`,
    scope: `${noun.plural}:write`,
    summary: `Change parts of a ${noun.singular}: \`document\` is a merge patch (RFC 7396)`,
    params: objectParams,
    body: documentBody,
    mediaTypes: ['application/merge-patch+json'],
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
      const { plural } = noun
      const revision = await expectedRevision(
        ifMatch,
        async () => (await administration.get(plural, params.id)).revision,
      )
      return resourceReply(
        await administration.patch({
          actor,
          plural,
          id: params.id,
          patch: body.document,
          ...ifMatchOf(revision),
          ...wideningOf(body.allow_widening),
        }),
      )
    },
  })
}
