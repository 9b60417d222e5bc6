import { defineOperation, type Operation } from '../operation.ts'

/** `GET /v1/audit/export`: the log up to its newest checkpoint as JSON Lines, for offline verification. */
export const exportAudit: Operation = defineOperation({
  id: 'exportAudit',
  method: 'GET',
  path: '/v1/audit/export',
  scope: 'audit:export',
  summary: 'Export the audit log',
  replies: {
    200: {
      description: 'Ends with a signed checkpoint; without one it is incomplete',
      mediaType: 'application/jsonl',
    },
  },
  errors: [],
  async handle(_input, { events }) {
    return { status: 200, lines: events.export() }
  },
})
