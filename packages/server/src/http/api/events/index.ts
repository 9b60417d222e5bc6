/**
 * Audit events, and why a decision came out as it did. `wire.ts` and `explanation-wire.ts` map the two to JSON.
 */
import type { Operation } from '../operation.ts'
import { explainEvent } from './explain.ts'
import { getEvent } from './get.ts'
import { listEvents } from './list.ts'

/** The operations on events. */
export const eventOperations: readonly Operation[] = [listEvents, getEvent, explainEvent]
export { decisionMembers, toDecisionWire } from './explanation-wire.ts'
