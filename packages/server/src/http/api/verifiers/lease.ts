import { z } from 'zod'
import { verifyScope } from '../../../admin/index.ts'
import { ServiceError } from '../../../errors.ts'
import type { LeaseAnswer } from '../../../revocation/index.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { feedWire, toFeedWire } from '../revocations/index.ts'
import { instant } from '../schemas.ts'
import { instanceParams } from './params.ts'

const revision = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const serviceName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)

const answer = z.discriminatedUnion('granted', [
  z.object({
    granted: z.literal(true),
    head: revision,
    lease_seconds: z.number(),
    service_id: z.string().meta({ description: 'of the tokens that the lease is for, their `cs.svc`' }),
    on_unavailable: z.enum(['deny', 'last-known-good']),
    max_stale_seconds: z.number(),
  }),
  z.object({
    granted: z.literal(false),
    reason: z.enum(['behind', 'history_changed']),
    feed: feedWire.optional().meta({ description: 'with `behind`: what has not been applied' }),
  }),
])

/** `POST /v1/verifiers/{instance}/lease`: a verifier asks whether it may go on answering from what it has applied. */
export const renewLease: Operation = defineOperation({
  id: 'renewVerifierLease',
  method: 'POST',
  path: '/v1/verifiers/{instance}/lease',
  scope: 'verify',
  summary: 'Get or renew the lease of a verifier',
  params: instanceParams,
  body: z.strictObject({
    service: serviceName.meta({ description: 'name of the service that it verifies for' }),
    applied: revision,
    tag: z
      .string()
      .regex(/^[A-Za-z0-9_-]{0,64}$/)
      .meta({ description: 'of the feed at `applied`' }),
    accepted_without_lease: z
      .strictObject({
        count: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
        first_at: instant,
        last_at: instant,
      })
      .optional(),
  }),
  replies: { 200: { description: 'The lease, or why there is none', schema: answer } },
  errors: ['conflict', 'too_many_verifiers'],
  async handle({ params, body, actor }, { leases, findVerifiedService, receipts }) {
    const service = findVerifiedService(body.service)
    // Invariant 8: one answer for a service that does not exist and for one that is not the caller's to verify for.
    if (actor.kind !== 'workload' || !actor.scopes.has(verifyScope(body.service)) || service === undefined) {
      throw new ServiceError('forbidden', { detail: `it takes ${verifyScope(body.service)}` })
    }
    const accepted = body.accepted_without_lease
    const outcome = await leases.grant({
      workloadId: actor.id,
      instance: params.instance,
      service,
      applied: body.applied,
      tag: body.tag,
      acceptedWithoutLease: accepted && {
        count: accepted.count,
        firstAt: new Date(accepted.first_at),
        lastAt: new Date(accepted.last_at),
      },
    })
    // It has confirmed everything up to the head: whoever waits for it looks now.
    if (outcome.granted) receipts.wake()
    return { status: 200, body: toLeaseWire(outcome, service.id) }
  },
})

function toLeaseWire(outcome: LeaseAnswer, serviceId: string): Readonly<Record<string, unknown>> {
  if (outcome.granted) {
    return {
      granted: true,
      head: outcome.head,
      lease_seconds: outcome.maxStaleSeconds,
      service_id: serviceId,
      on_unavailable: outcome.onUnavailable,
      max_stale_seconds: outcome.maxStaleSeconds,
    }
  }
  if (outcome.reason === 'history_changed') return { granted: false, reason: 'history_changed' }
  return { granted: false, reason: 'behind', feed: toFeedWire(outcome.feed) }
}
