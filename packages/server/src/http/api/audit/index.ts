/** The audit log as evidence: its newest checkpoint and its export. Single events are in `events/`. */
import type { Operation } from '../operation.ts'
import { getCheckpoint } from './checkpoint.ts'
import { exportAudit } from './export.ts'

/** The operations on the audit log as a whole. */
export const auditOperations: readonly Operation[] = [getCheckpoint, exportAudit]
