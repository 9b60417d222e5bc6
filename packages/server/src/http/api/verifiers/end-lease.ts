import { defineOperation, type Operation } from '../operation.ts'
import { instanceParams } from './params.ts'

/** `DELETE /v1/verifiers/{instance}/lease`: a verifier that stops ends its lease, so that no revocation waits for it. */
export const endLease: Operation = defineOperation({
  id: 'endVerifierLease',
  method: 'DELETE',
  path: '/v1/verifiers/{instance}/lease',
  scope: 'verify',
  summary: "End the caller's own lease",
  params: instanceParams,
  replies: { 204: { description: 'There is no such lease (any more)' } },
  errors: [],
  async handle({ params, actor }, { leases }) {
    await leases.end({ workloadId: actor.id, instance: params.instance })
    return { status: 204 }
  },
})
