/**
 * Administration: who may change what, and how changes are made. Every change goes one path: documents -> `plan` (pure: the whole
 * resulting state is checked, each effect named) -> escalation rule -> one transaction with its events and revocations.
 * `scopes.ts` has the permissions and roles, `kinds.ts` the explicit list of resource kinds; add a kind there.
 */
export { actorName, LOCAL_SOCKET_ACTOR, workloadActor } from './actor.ts'
export { type AdministrationDependencies, createAdministration } from './administration.ts'

export type {
  EscalationFault,
  JudgedChange,
  ManagementGrant,
} from './escalation.ts'
export { createFindRegistered, type FindRegisteredDeps } from './find-registered.ts'
export { createIdempotency, type Idempotency, type RepeatableAnswer } from './idempotency.ts'
export { KINDS } from './kinds.ts'
export { managementService } from './management-service.ts'
export { createRevokeCredentials, type RevokeCredentialsDeps, type RevokeCredentialsInput } from './revoke.ts'
export {
  ALL_MANAGEMENT_SCOPES,
  isVerifyScope,
  MANAGEMENT_SCOPES,
  type ManagementScope,
  ROLES,
  type RoleName,
  verifyScope,
} from './scopes.ts'
export { type TestPolicyInput, testPolicyDocument } from './test-policy.ts'
export type * from './types.ts'
