import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { eventWire, toEventWire } from './wire.ts'

/** `GET /v1/events/{id}`: one event. */
export const getEvent: Operation = defineOperation({
  id: 'getEvent',
  method: 'GET',
  path: '/v1/events/{id}',
  scope: 'events:read',
  summary: 'Get an audit event',
  masked: true,
  params: objectParams,
  replies: { 200: { description: 'The event', schema: eventWire } },
  errors: ['not_found'],
  async handle({ params }, { events }) {
    const event = await events.get(params.id)
    if (event === undefined) throw new ServiceError('not_found')
    return { status: 200, body: toEventWire(event) }
  },
})
