import type { Service } from '../inventory/index.ts'
import { ALL_MANAGEMENT_SCOPES, VERIFY_PREFIX } from './scopes.ts'

/** The name by which policies grant management scopes. No Service document may have it. */
export const MANAGEMENT_SERVICE_NAME = 'countersign-management'

/** The id of the management API as a service. */
export const MANAGEMENT_SERVICE_ID = 'svc_management'

/**
 * The management API as a Service, so that administrators federate like every workload (design section 7: no static administrator
 * credential exists). It is built in: documents can neither change nor remove it.
 */
export function managementService({
  audience,
  environment = 'production',
}: {
  readonly audience: string
  readonly environment?: string
}): Service {
  return {
    id: MANAGEMENT_SERVICE_ID,
    name: MANAGEMENT_SERVICE_NAME,
    revision: 0,
    enabled: true,
    environment,
    audience,
    scopes: ALL_MANAGEMENT_SCOPES,
    readScopes: ALL_MANAGEMENT_SCOPES.filter((scope) => scope.endsWith(':read')),
    scopePrefix: VERIFY_PREFIX,
    verification: { maxStaleSeconds: 5, onUnavailable: 'deny' },
  }
}
