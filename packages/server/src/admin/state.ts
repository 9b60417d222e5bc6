import { compileTrustProvider, type TrustProvider } from '../attestors/index.ts'
import { compileService, type Service, withServiceScopes } from '../inventory/index.ts'
import type { KindName, Resource, ResourceStore } from '../resources/index.ts'

/** Every stored resource by `Kind/name`, as of one revision. */
export interface State {
  /** The newest revision of any document, removed ones included. A change of it means that somebody else wrote. */
  readonly revision: number
  readonly resources: ReadonlyMap<string, Resource>
}

/** How plans and messages name a resource. */
export function labelOf(kind: KindName, name: string): string {
  return `${kind}/${name}`
}

/** The label of a stored resource. */
export function labelOfResource({ document }: Resource): string {
  return labelOf(document.kind, document.metadata.name)
}

/** Reads the stored state; one that nobody has written to meanwhile comes from memory. */
export function createStateSource({ resources }: { readonly resources: ResourceStore }): { load(): Promise<State> } {
  let cached: State | undefined
  return {
    async load() {
      for (;;) {
        const revision = await resources.newestRevision()
        if (cached?.revision === revision) return cached
        const all = await resources.loadAll()
        // Somebody wrote between the two reads: neither is of one moment.
        if ((await resources.newestRevision()) !== revision) continue
        cached = { revision, resources: new Map(all.map((resource) => [labelOfResource(resource), resource])) }
        return cached
      }
    },
  }
}

/** What policies refer to, compiled. What does not compile is absent: nothing can refer to it. */
export interface CompiledReferences {
  readonly providersByName: ReadonlyMap<string, TrustProvider>
  readonly servicesByName: ReadonlyMap<string, Service>
}

/** Compiles the providers and services of a state, beside the built-in management service. */
export function compileReferences(resources: Iterable<Resource>, management: Service): CompiledReferences {
  const providersByName = new Map<string, TrustProvider>()
  const servicesByName = new Map<string, Service>()
  for (const resource of resources) {
    const { name } = resource.document.metadata
    if (resource.document.kind === 'TrustProvider') {
      const provider = compiled(() => compileTrustProvider(resource))
      if (provider) providersByName.set(name, provider)
    }
    if (resource.document.kind === 'Service') {
      const service = compiled(() => compileService(resource))
      if (service) servicesByName.set(name, service)
    }
  }
  // Last: no document takes the place of the management service.
  servicesByName.set(management.name, withServiceScopes(management, [...servicesByName.values()]))
  return { providersByName, servicesByName }
}

/** Undefined for what does not compile; the lint of the document says why, and references to it are refused. */
function compiled<T>(compile: () => T): T | undefined {
  try {
    return compile()
  } catch {
    return undefined
  }
}
