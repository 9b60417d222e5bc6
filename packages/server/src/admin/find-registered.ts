import { ServiceError } from '../errors.ts'
import type { WorkloadRegistry } from '../inventory/index.ts'
import type { KindName, Resource, ResourceStore } from '../resources/index.ts'
import type { RegisteredKind } from '../revocation/index.ts'

const DOCUMENTS = { policy: 'TrustPolicy', provider: 'TrustProvider', service: 'Service' } as const

/** Where things that can be revoked are registered. */
export interface FindRegisteredDeps {
  readonly resources: Pick<ResourceStore, 'get'>
  readonly workloads: Pick<WorkloadRegistry, 'get' | 'findBySubject' | 'flush'>
  /** Keys that sign access tokens, whatever state they are in. */
  readonly tokenKeys: () => readonly { readonly kid: string }[]
  /** The management API as a service: no document, and revocable as well. */
  readonly management: { readonly id: string; readonly name: string }
}

/** Finds the id that tokens carry, from an id or a name; undefined when nothing has it. Removed documents are not found. */
export function createFindRegistered(deps: FindRegisteredDeps) {
  const { resources, workloads, tokenKeys, management } = deps

  async function findDocument(kind: KindName, idOrName: string): Promise<Resource | undefined> {
    try {
      return await resources.get(kind, idOrName)
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'not_found') return undefined
      throw error
    }
  }

  return async (kind: RegisteredKind, value: string): Promise<string | undefined> => {
    if (kind === 'signing_key') return tokenKeys().find(({ kid }) => kid === value)?.kid
    // One that has come for the first time just now is written in the background.
    if (kind === 'workload' || kind === 'subject') await workloads.flush()
    if (kind === 'subject') return (await workloads.findBySubject(value))?.subject
    if (kind === 'workload') {
      const seen = await workloads.get(value)
      if (seen) return seen.id
      // By the name that somebody registered it under: tokens carry the id that exchanges gave it.
      const document = await findDocument('Workload', value)
      return document && (await workloads.findBySubject(String(document.document.spec['subject'])))?.id
    }
    if (kind === 'service' && (value === management.id || value === management.name)) return management.id
    return (await findDocument(DOCUMENTS[kind], value))?.id
  }
}
