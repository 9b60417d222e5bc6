import { compileTrustProvider, type TrustProvider } from '../attestors/index.ts'
import { ServiceError } from '../errors.ts'
import { compileService, type Service, withServiceScopes } from '../inventory/index.ts'
import type { Problem, Resource } from '../resources/index.ts'
import { compileTrustPolicy, type PolicyReferences } from './compile.ts'
import { compilePolicies } from './compile-policies.ts'
import type { PolicySnapshot, SnapshotFault, TrustPolicy } from './types.ts'

/** What a snapshot is built from. */
export interface SnapshotInput {
  readonly resources: readonly Resource[]
  /** Services of the product itself (the management API). A stored one never takes the place of theirs. */
  readonly builtinServices: readonly Service[]
  readonly revision: number
  /** Parts that have not changed are taken from here, as the same objects: verifiers keep the keys of a provider by its object. */
  readonly previous?: PolicySnapshot
}

type Compiled<Value> = { readonly value: Value } | { readonly problems: readonly Problem[] }

/** Turns what a compiler throws about a document into problems. Anything else is a defect, and denies in the same way. */
function attempt<Value>(compile: () => Value): Compiled<Value> {
  try {
    return { value: compile() }
  } catch (error) {
    const details = error instanceof ServiceError ? error.problems : []
    const fallback = {
      pointer: '',
      code: 'invalid',
      detail: error instanceof Error ? error.message : 'does not compile',
    }
    const problems = (details.length > 0 ? details : [fallback]).map((problem) => ({
      severity: 'error' as const,
      fix: 'correct the document and apply it again',
      ...problem,
    }))
    return { problems }
  }
}

/** Collects what compiles and reports the rest. */
function compileAll<Value>(
  resources: readonly Resource[],
  compile: (resource: Resource) => Compiled<Value>,
  faults: SnapshotFault[],
): Value[] {
  const values: Value[] = []
  for (const resource of resources) {
    const result = compile(resource)
    if ('value' in result) values.push(result.value)
    else {
      const { kind, metadata } = resource.document
      faults.push({ resourceId: resource.id, kind, name: metadata.name, problems: result.problems })
    }
  }
  return values
}

/** The value of the snapshot before, when neither the document nor its place in the log has changed. */
function unchanged<Value extends { readonly id: string; readonly revision: number; readonly enabled: boolean }>(
  resource: Resource,
  before: ReadonlyMap<string, Value> | undefined,
): Value | undefined {
  const value = before?.get(resource.id)
  return value && value.revision === resource.revision && value.enabled === resource.enabled ? value : undefined
}

function byId<Value extends { readonly id: string }>(values: Iterable<Value> | undefined): ReadonlyMap<string, Value> {
  return new Map([...(values ?? [])].map((value) => [value.id, value]))
}

function taken(resource: Resource, member: 'name' | 'audience'): Compiled<never> {
  return {
    problems: [
      {
        severity: 'error',
        code: 'conflict',
        pointer: member === 'name' ? '/metadata/name' : '/spec/audience',
        detail: `another service has the ${member} of '${resource.document.metadata.name}'`,
        fix: `give each service its own ${member}`,
      },
    ],
  }
}

/** Services, each with a name and an audience of its own. Two that claim one are both left out: no order decides whom a token is for. */
function compileServices(
  resources: readonly Resource[],
  builtin: readonly Service[],
  before: ReadonlyMap<string, Service>,
  faults: SnapshotFault[],
): Service[] {
  const compiled = new Map<Resource, Service>()
  const valid = compileAll<readonly [Resource, Service]>(
    resources,
    (resource) => attempt(() => [resource, unchanged(resource, before) ?? compileService(resource)] as const),
    faults,
  )
  for (const [resource, service] of valid) compiled.set(resource, service)
  const all = [...builtin, ...compiled.values()]
  const shared = (member: 'name' | 'audience', service: Service) =>
    all.some((other) => other !== service && other[member] === service[member])
  const stored = compileAll<Service>(
    [...compiled.keys()],
    (resource) => {
      const service = compiled.get(resource)
      if (!service || shared('name', service)) return taken(resource, 'name')
      return shared('audience', service) ? taken(resource, 'audience') : { value: service }
    },
    faults,
  )
  return [...builtin.map((service) => withStoredScopes(service, stored, before.get(service.id))), ...stored]
}

/** A built-in service with its scopes for the stored ones; the object of the snapshot before, while these are the same. */
function withStoredScopes(builtin: Service, stored: readonly Service[], before: Service | undefined): Service {
  const service = withServiceScopes(builtin, stored)
  return before && sameItems(before.scopes, service.scopes) ? before : service
}

function sameItems<Item>(left: readonly Item[], right: readonly Item[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index])
}

/**
 * Builds what decisions are made on. Pure, but for reusing `previous`. A document that does not compile is left out and reported in
 * `faults`, so that it denies and is seen (T36, invariant 1); the others are not affected.
 */
export function buildSnapshot({ resources, builtinServices, revision, previous }: SnapshotInput): PolicySnapshot {
  const faults: SnapshotFault[] = []
  const ofKind = (kind: string) => resources.filter((resource) => resource.document.kind === kind)

  const providersBefore = byId<TrustProvider>(previous?.providers)
  const compiledProviders = compileAll<TrustProvider>(
    ofKind('TrustProvider'),
    (resource) => attempt(() => unchanged(resource, providersBefore) ?? compileTrustProvider(resource)),
    faults,
  )
  const providers =
    previous && sameItems(previous.providers, compiledProviders) ? previous.providers : compiledProviders

  const servicesBefore = byId<Service>(previous?.services.byName.values())
  const services = compileServices(ofKind('Service'), builtinServices, servicesBefore, faults)

  const references: PolicyReferences = {
    providersByName: new Map(providers.map((provider) => [provider.name, provider])),
    servicesByName: new Map(services.map((service) => [service.name, service])),
  }
  const [providersNow, servicesNow] = [byId(providers), byId(services)]
  const isCurrent = (policy: TrustPolicy) =>
    servicesNow.get(policy.grant.service.id) === policy.grant.service &&
    providersNow.has(policy.providerId) &&
    providersNow.get(policy.providerId) === providersBefore.get(policy.providerId)
  const policies = compileAll<TrustPolicy>(
    ofKind('TrustPolicy'),
    (resource) => {
      const before = unchanged(resource, previous?.policiesById)
      if (before && isCurrent(before)) return { value: before }
      const compilation = compileTrustPolicy(resource, references)
      return 'policy' in compilation ? { value: compilation.policy } : compilation
    },
    faults,
  )
  return {
    revision,
    providers,
    services: {
      byAudience: new Map(services.map((service) => [service.audience, service])),
      byName: references.servicesByName,
    },
    policies: compilePolicies(policies, previous?.policies),
    policiesById: byId(policies),
    faults,
  }
}
