import { z } from 'zod'
import { defineOperation, type Operation } from '../operation.ts'
import { instant } from '../schemas.ts'

/** `GET /v1/status`: how the server is doing. */
export const status: Operation = defineOperation({
  id: 'getStatus',
  method: 'GET',
  path: '/v1/status',
  scope: 'status:read',
  summary: 'Get the state of the server',
  replies: {
    200: {
      description: 'The state of the server that answers',
      schema: z.object({
        version: z.string(),
        issuer: z.string(),
        engine: z.enum(['embedded', 'postgres']),
        started_at: instant,
        leader: z.boolean(),
        revision: z.number().int(),
        revision_age_ms: z.number(),
        audit: z.object({ pending: z.number().int(), oldest_age_ms: z.number(), size: z.number().int() }),
        faults: z
          .array(z.object({ id: z.string(), kind: z.string(), name: z.string(), detail: z.string() }))
          .meta({ description: 'stored documents that do not compile: they take part in no decision' }),
      }),
    },
  },
  errors: [],
  async handle(_input, deps) {
    const state = await deps.status()
    return {
      status: 200,
      body: {
        version: state.version,
        issuer: state.issuer,
        engine: state.engine,
        started_at: state.startedAt.toISOString(),
        leader: state.leader,
        revision: state.revision,
        revision_age_ms: state.revisionAgeMs,
        audit: { pending: state.audit.pending, oldest_age_ms: state.audit.oldestAgeMs, size: state.audit.size },
        faults: state.faults.map(({ resourceId, kind, name, problems }) => ({
          id: resourceId,
          kind,
          name,
          detail: problems.map(({ detail }) => detail).join('; '),
        })),
      },
    }
  },
})
