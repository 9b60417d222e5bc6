import type { BatchRows, BatchTable } from '../storage/index.ts'
import { encodeEvent } from './encode.ts'
import type { AuditEvent } from './types.ts'

/** The tables of one event, as dependents of a guarded batch: the exchange writes its event in the batch that holds its claim. */
export const EVENT_BATCH_TABLES = {
  events: {
    table: 'events',
    columns: {
      id: 'text',
      at: 'integer',
      kind: 'text',
      outcome: 'text',
      actor: 'text',
      workload_id: 'text',
      body: 'bytes',
    },
  },
  pending_events: { table: 'pending_events', columns: { event_id: 'text' } },
} as const satisfies Readonly<Record<string, BatchTable>>

/**
 * The rows of one event in the tables of {@link EVENT_BATCH_TABLES}: the event and its place in the sealer's input, so that no
 * event is stored without being sealed.
 * @throws TypeError as `encodeEvent`.
 */
export function toBatchRows(event: AuditEvent): BatchRows {
  const body = encodeEvent(event)
  return {
    events: [[event.id, event.at.getTime(), event.kind, event.outcome, event.actor, event.workloadId ?? null, body]],
    pending_events: [[event.id]],
  }
}
