import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { explanationWire, toExplanationWire } from './explanation-wire.ts'

/** `GET /v1/events/{id}/explanation`: why an exchange came out as it did; takes `evt_` and `ref_` ids. */
export const explainEvent: Operation = defineOperation({
  id: 'explainEvent',
  method: 'GET',
  path: '/v1/events/{id}/explanation',
  scope: 'events:explain',
  summary: 'Explain a decision claim by claim',
  masked: true,
  params: objectParams,
  replies: { 200: { description: 'The explanation', schema: explanationWire } },
  errors: ['not_found'],
  async handle({ params }, deps) {
    const explanation = await deps.explain(params.id)
    if (explanation === undefined) throw new ServiceError('not_found')
    return { status: 200, body: toExplanationWire(explanation) }
  },
})
