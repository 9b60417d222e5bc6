import { entityTagOf } from '../etag.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { operationId, type ResourceNoun } from './noun.ts'
import { refuseOtherKind } from './refuse-other-kind.ts'
import { documentBody, resourceWire, toResourceWire, wideningOf } from './wire.ts'

/** `POST /v1/{plural}`: creates one resource. */
export function createDocument(noun: ResourceNoun): Operation {
  return defineOperation({
    id: operationId('create', noun),
    method: 'POST',
    path: `/v1/${noun.plural}`,
    scope: `${noun.plural}:write`,
    summary: `Create a ${noun.singular}`,
    repeatable: true,
    body: documentBody,
    replies: { 201: { description: 'Created', schema: resourceWire } },
    errors: ['conflict', 'widening_refused', 'escalation_refused', 'policy_tests_failed', 'idempotency_mismatch'],
    async handle({ actor, body }, { administration }) {
      refuseOtherKind(noun, body.document)
      const resource = await administration.create({
        actor,
        document: body.document,
        ...wideningOf(body.allow_widening),
      })
      return {
        status: 201,
        body: toResourceWire(resource),
        headers: { location: `/v1/${noun.plural}/${resource.id}`, etag: entityTagOf(resource.revision) },
      }
    },
  })
}
