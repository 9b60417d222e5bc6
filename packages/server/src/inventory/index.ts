/**
 * The inventory: services, owners (teams and people) and workloads. Services, owners and registered workloads are resources;
 * `compileService` gives the typed form that policies use. Workloads are also recorded as they first appear in an exchange
 * (`createWorkloadRegistry`). Add a kind by its file here and one line in `admin/kinds.ts`.
 */
export { type PersonSpec, personKind, type TeamSpec, teamKind } from './owner-kinds.ts'
export { compileService } from './service.ts'
export { type ServiceSpec, serviceKind } from './service-kind.ts'
export { withServiceScopes } from './service-scopes.ts'
export type * from './types.ts'
export { type WorkloadSpec, workloadKind } from './workload-kind.ts'
export {
  createWorkloadRegistry,
  type SeenWorkload,
  type WorkloadRegistry,
  type WorkloadSighting,
} from './workload-registry.ts'
