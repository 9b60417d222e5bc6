/**
 * Administration: who may change what, and how changes are made. Every change goes one path: documents -> `plan` (pure: the whole
 * resulting state is checked, each effect named) -> escalation rule -> one transaction with its events and revocations.
 * `scopes.ts` has the permissions and roles, `kinds.ts` the explicit list of resource kinds; add a kind there.
 */
export { actorName, LOCAL_SOCKET_ACTOR, workloadActor } from './actor.ts'
export { type AdministrationDependencies, createAdministration } from './administration.ts'
export { REVOCATION_KEPT_MS } from './commit.ts'
export { SET_LABEL } from './draft.ts'
export {
  type EscalationFault,
  findEscalations,
  type JudgedChange,
  type ManagementGrant,
  managementGrants,
} from './escalation.ts'
export { createIdempotency, IDEMPOTENCY_HOURS, type Idempotency, type RepeatableAnswer } from './idempotency.ts'
export { findKindByPlural, KINDS, nounOf, schemaOf } from './kinds.ts'
export { MANAGEMENT_SERVICE_ID, MANAGEMENT_SERVICE_NAME, managementService } from './management-service.ts'
export {
  ALL_MANAGEMENT_SCOPES,
  expandRoles,
  MANAGEMENT_SCOPES,
  type ManagementScope,
  ROLES,
  type RoleName,
} from './scopes.ts'
export { type TestPolicyInput, testPolicyDocument } from './test-policy.ts'
export type * from './types.ts'
