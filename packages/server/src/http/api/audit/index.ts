/** The audit log as evidence: its newest checkpoint, its export, and the keys that verify both and receipts. Single events are in `events/`. */
import type { Operation } from '../operation.ts'
import { getCheckpoint } from './checkpoint.ts'
import { exportAudit } from './export.ts'
import { listAuditKeys } from './keys.ts'

/** The operations on the audit log as a whole. */
export const auditOperations: readonly Operation[] = [getCheckpoint, exportAudit, listAuditKeys]
