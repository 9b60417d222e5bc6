import type { KindName } from '../../../resources/index.ts'

/** The words of one resource kind in paths, ids of operations and descriptions. */
export interface ResourceNoun {
  readonly kind: KindName
  /** `trust-policies` in the path and in the scopes. */
  readonly plural: 'trust-providers' | 'trust-policies' | 'services' | 'workloads' | 'teams' | 'people'
  /** `trust policy` in sentences. */
  readonly singular: string
}

/** The resource kinds that the API serves, in the order of its documentation. */
export const RESOURCE_NOUNS: readonly ResourceNoun[] = [
  { kind: 'TrustProvider', plural: 'trust-providers', singular: 'trust provider' },
  { kind: 'TrustPolicy', plural: 'trust-policies', singular: 'trust policy' },
  { kind: 'Service', plural: 'services', singular: 'service' },
  { kind: 'Workload', plural: 'workloads', singular: 'workload' },
  { kind: 'Team', plural: 'teams', singular: 'team' },
  { kind: 'Person', plural: 'people', singular: 'person' },
]

/** `createTrustPolicy` from `create` and the kind: operation ids are unique and read as verbs. */
export function operationId(verb: string, noun: ResourceNoun): string {
  return `${verb}${noun.kind}`
}

/** `listTrustPolicies`: as {@link operationId}, for operations on many. */
export function pluralOperationId(verb: string, noun: ResourceNoun): string {
  return verb + noun.plural.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
