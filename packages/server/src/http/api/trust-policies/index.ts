/** What can be done with trust policies beyond being documents: writing one from an event, running one's tests. Neither saves anything. */
import type { Operation } from '../operation.ts'
import { generateTrustPolicy } from './generate.ts'
import { testTrustPolicy } from './run-tests.ts'

/** The operations on trust policies that are not the documents' own. */
export const trustPolicyOperations: readonly Operation[] = [generateTrustPolicy, testTrustPolicy]
