import type { z } from 'zod'
import type { IdPrefix, JsonObject } from '../lib/index.ts'

/** What every resource says of itself. `owner` is `team:NAME` or `person:NAME`. */
export interface Metadata {
  readonly name: string
  readonly owner?: string
  readonly purpose?: string
  readonly environment?: string
  readonly reviewBy?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** A resource as a file carries it (kubectl-style), after its shape has been parsed. */
export interface ResourceDocument<Spec = JsonObject> {
  readonly apiVersion: 'countersign/v1'
  readonly kind: KindName
  readonly metadata: Metadata
  readonly spec: Spec
  /** TrustPolicy only: cases that the policy must answer as stated. */
  readonly tests?: readonly unknown[]
}

/** A resource as it is stored: the document and its place in the revision log. */
export interface Resource<Spec = JsonObject> {
  readonly id: string
  readonly document: ResourceDocument<Spec>
  readonly revision: number
  readonly enabled: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** The kinds that exist. */
export type KindName = 'Team' | 'Person' | 'Workload' | 'Service' | 'TrustProvider' | 'TrustPolicy'

/** Something wrong with a document: where (RFC 6901 pointer), what, and the way out. Errors refuse, warnings inform. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly code: string
  readonly pointer: string
  readonly detail: string
  readonly fix: string
}

/** A resource kind: its names, its shape, what its metadata must say. Domain folders export one each; see `admin/kinds.ts`. */
export interface ResourceKind<Spec = JsonObject> {
  readonly kind: KindName
  /** The noun of API paths and CLI: `trust-policies`. */
  readonly plural: string
  readonly idPrefix: IdPrefix
  /** The strict schema of `spec`; unknown members are refused. Output is what `Resource.document.spec` holds: plain JSON. */
  readonly spec: z.ZodType<Spec>
  readonly hasTests: boolean
  readonly requiredMetadata: readonly ('owner' | 'purpose' | 'environment' | 'reviewBy')[]
  readonly summary: string
}
