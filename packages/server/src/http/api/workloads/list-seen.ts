import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { pageQuery } from '../schemas.ts'
import { seenWorkloadWire, toSeenWorkloadWire } from './wire.ts'

/** `GET /v1/seen-workloads`: what has exchanged a proof here, registered or not. */
export const listSeenWorkloads: Operation = defineOperation({
  id: 'listSeenWorkloads',
  method: 'GET',
  path: '/v1/seen-workloads',
  scope: 'workloads:read',
  summary: 'List workloads as exchanges recorded them',
  query: pageQuery,
  replies: {
    200: {
      description: 'One page',
      schema: z.object({ items: z.array(seenWorkloadWire), next: z.string().nullable() }),
    },
  },
  errors: [],
  async handle({ query: { after, limit } }, { workloads }) {
    const position = decodeCursor('seen-workloads', {}, after)
    const page = await workloads.list({ limit, ...(position === undefined ? {} : { after: position }) })
    return {
      status: 200,
      body: { items: page.items.map(toSeenWorkloadWire), next: encodeCursor('seen-workloads', {}, page.next) },
    }
  },
})
