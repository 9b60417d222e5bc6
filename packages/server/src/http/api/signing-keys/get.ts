import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { signingKeyParams, signingKeyWire, toSigningKeyWire } from './wire.ts'

/** `GET /v1/signing-keys/{id}`: one key. */
export const getSigningKey: Operation = defineOperation({
  id: 'getSigningKey',
  method: 'GET',
  path: '/v1/signing-keys/{id}',
  scope: 'signing-keys:read',
  summary: 'Get a signing key',
  masked: true,
  params: signingKeyParams,
  replies: { 200: { description: 'The key', schema: signingKeyWire } },
  errors: ['not_found'],
  async handle({ params }, deps) {
    const key = (await deps.listSigningKeys()).find(({ kid }) => kid === params.id)
    if (!key) throw new ServiceError('not_found')
    return { status: 200, body: toSigningKeyWire(key) }
  },
})
