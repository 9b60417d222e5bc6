/** Leases of verifiers (design section 8). Each verifier is named by its workload, from its token, and its own random instance. */
import type { Operation } from '../operation.ts'
import { endLease } from './end-lease.ts'
import { renewLease } from './lease.ts'

/** The operations of verifiers. */
export const verifierOperations: readonly Operation[] = [renewLease, endLease]
