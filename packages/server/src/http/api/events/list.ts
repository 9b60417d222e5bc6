import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { pageQuery, RESOURCE_KEY } from '../schemas.ts'
import { eventWire, toEventWire } from './wire.ts'

const query = pageQuery.extend({
  kind: z
    .string()
    .regex(/^[a-z_]{1,64}(\.[a-z_]{1,64})?$/)
    .optional()
    .meta({ description: 'e.g. exchange.decided' }),
  outcome: z.enum(['allowed', 'denied', 'done', 'failed']).optional(),
  workload: z.string().regex(RESOURCE_KEY).optional().meta({ description: 'id of the workload' }),
})

/** `GET /v1/events`: newest first. */
export const listEvents: Operation = defineOperation({
  id: 'listEvents',
  method: 'GET',
  path: '/v1/events',
  scope: 'events:read',
  summary: 'List audit events',
  query,
  replies: {
    200: {
      description: 'One page, newest first',
      schema: z.object({ items: z.array(eventWire), next: z.string().nullable() }),
    },
  },
  errors: [],
  async handle({ query: { after, limit, kind, outcome, workload } }, { events }) {
    const filter = {
      ...(kind === undefined ? {} : { kind }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(workload === undefined ? {} : { workloadId: workload }),
    }
    const position = decodeCursor('events', filter, after)
    const page = await events.list({ limit, ...filter, ...(position === undefined ? {} : { after: position }) })
    return {
      status: 200,
      body: { items: page.items.map(toEventWire), next: encodeCursor('events', filter, page.next) },
    }
  },
})
