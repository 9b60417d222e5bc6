/** Workloads as exchanges recorded them. What somebody registered of a workload (owner, purpose) is a document: see `documents/`. */
import type { Operation } from '../operation.ts'
import { getSeenWorkload } from './get-seen.ts'
import { listSeenWorkloads } from './list-seen.ts'

/** The operations on recorded workloads. */
export const workloadOperations: readonly Operation[] = [listSeenWorkloads, getSeenWorkload]
