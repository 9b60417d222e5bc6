import { auditOperations } from './audit/index.ts'
import { changeOperations } from './changes/index.ts'
import { documentOperations } from './documents/index.ts'
import { eventOperations } from './events/index.ts'
import { inspect } from './inspect/inspect.ts'
import type { Operation } from './operation.ts'
import { receiptOperations } from './receipts/index.ts'
import { revocationOperations } from './revocations/index.ts'
import { openApi, selfOperations } from './self/index.ts'
import { signingKeyOperations } from './signing-keys/index.ts'
import { trustPolicyOperations } from './trust-policies/index.ts'
import { verifierOperations } from './verifiers/index.ts'
import { workloadOperations } from './workloads/index.ts'

/**
 * The route table of the management API: every operation with the scope that it takes (W-06). What is not listed here does not
 * exist over HTTP; a test refuses an entry without a scope of `admin/scopes.ts`, and a scope without an entry.
 */
export const API_OPERATIONS: readonly Operation[] = [
  ...documentOperations,
  ...trustPolicyOperations,
  ...changeOperations,
  ...workloadOperations,
  ...eventOperations,
  ...auditOperations,
  ...receiptOperations,
  ...revocationOperations,
  ...verifierOperations,
  inspect,
  ...signingKeyOperations,
  ...selfOperations,
  openApi(() => API_OPERATIONS),
]
