import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { receiptWire } from './wire.ts'

/** `GET /v1/receipts/{id}`: one receipt, with its proof once it is final. */
export const getReceipt: Operation = defineOperation({
  id: 'getReceipt',
  method: 'GET',
  path: '/v1/receipts/{id}',
  scope: 'receipts:read',
  summary: 'Get the receipt of a revocation',
  masked: true,
  params: objectParams,
  replies: { 200: { description: 'The receipt', schema: receiptWire } },
  errors: ['not_found'],
  async handle({ params }, { receipts }) {
    const receipt = await receipts.get(params.id)
    if (receipt === undefined) throw new ServiceError('not_found')
    return { status: 200, body: receipt }
  },
})
