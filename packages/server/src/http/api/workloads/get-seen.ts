import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { objectParams } from '../schemas.ts'
import { seenWorkloadWire, toSeenWorkloadWire } from './wire.ts'

/** `GET /v1/seen-workloads/{id}`: one workload as exchanges recorded it. */
export const getSeenWorkload: Operation = defineOperation({
  id: 'getSeenWorkload',
  method: 'GET',
  path: '/v1/seen-workloads/{id}',
  scope: 'workloads:read',
  summary: 'Get a workload as exchanges recorded it',
  masked: true,
  params: objectParams,
  replies: { 200: { description: 'The workload', schema: seenWorkloadWire } },
  errors: ['not_found'],
  async handle({ params }, { workloads }) {
    const workload = await workloads.get(params.id)
    if (workload === undefined) throw new ServiceError('not_found')
    return { status: 200, body: toSeenWorkloadWire(workload) }
  },
})
