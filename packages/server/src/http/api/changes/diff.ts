import { ServiceError } from '../../../errors.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { setBody, toApplyInput } from './set-body.ts'
import { MAX_SET_BYTES, planWire, toPlanWire, unreadableScope } from './wire.ts'

/** `POST /v1/diff`: what applying the documents would change and what it would widen. Takes the read scope of each kind in it as well. */
export const diff: Operation = defineOperation({
  id: 'diff',
  method: 'POST',
  path: '/v1/diff',
  scope: 'resources:diff',
  summary: 'Compare documents with the stored state',
  maxBodyBytes: MAX_SET_BYTES,
  body: setBody,
  replies: { 200: { description: 'The plan; its problems are faults of the documents', schema: planWire } },
  errors: [],
  async handle({ actor, body }, { administration }) {
    const plan = await administration.plan({ actor, ...toApplyInput(body) })
    const scope = unreadableScope(
      plan.changes.map(({ kind }) => kind),
      actor,
    )
    if (scope !== undefined) throw new ServiceError('forbidden', { detail: `it takes ${scope}` })
    return { status: 200, body: toPlanWire(plan, actor) }
  },
})
