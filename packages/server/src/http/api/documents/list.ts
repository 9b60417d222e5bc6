import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { pageQuery } from '../schemas.ts'
import { pluralOperationId, type ResourceNoun } from './noun.ts'
import { resourceWire, toResourceWire } from './wire.ts'

const query = pageQuery.extend({
  owner: z.string().max(128).optional(),
  environment: z.string().max(128).optional(),
})

/** `GET /v1/{plural}`: one page, in a stable order. */
export function listDocuments(noun: ResourceNoun): Operation {
  return defineOperation({
    id: pluralOperationId('list', noun),
    method: 'GET',
    path: `/v1/${noun.plural}`,
    scope: `${noun.plural}:read`,
    summary: `List ${noun.plural.replaceAll('-', ' ')}`,
    query,
    replies: {
      200: {
        description: 'One page; `next` is null on the last one',
        schema: z.object({ items: z.array(resourceWire), next: z.string().nullable() }),
      },
    },
    errors: [],
    async handle({ query: { after, limit, owner, environment } }, { administration }) {
      const filter = {
        ...(owner === undefined ? {} : { owner }),
        ...(environment === undefined ? {} : { environment }),
      }
      const position = decodeCursor(noun.plural, filter, after)
      const page = await administration.list({
        plural: noun.plural,
        limit,
        filter,
        ...(position === undefined ? {} : { after: position }),
      })
      return {
        status: 200,
        body: { items: page.items.map(toResourceWire), next: encodeCursor(noun.plural, filter, page.next) },
      }
    },
  })
}
