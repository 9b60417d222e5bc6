import { trustProviderKind } from '../attestors/index.ts'
import { personKind, serviceKind, teamKind, workloadKind } from '../inventory/index.ts'
import type { JsonObject } from '../lib/index.ts'
import { trustPolicyKind } from '../policy/index.ts'
import { jsonSchemaFor, type KindName, type ResourceKind } from '../resources/index.ts'

/** Forgets the type of the spec: from here on a document's spec is JSON that its own kind has parsed. */
function untyped<Spec>(kind: ResourceKind<Spec>): ResourceKind {
  return kind as unknown as ResourceKind
}

/** Every kind there is, owners first, each before what refers to it. Exports and plans keep this order. */
export const KINDS: readonly ResourceKind[] = [
  untyped(teamKind),
  untyped(personKind),
  untyped(serviceKind),
  untyped(workloadKind),
  untyped(trustProviderKind),
  untyped(trustPolicyKind),
]

/** The kind whose API and CLI noun this is. Undefined for an unknown noun. */
export function findKindByPlural(plural: string): ResourceKind | undefined {
  return KINDS.find((kind) => kind.plural === plural)
}

/** The singular noun of a kind in event and revision kinds: `trust_policy`. */
export function nounOf(kind: KindName): string {
  return kind.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()
}

/** The JSON Schema of a kind's documents, by kind (`TrustPolicy`) or noun (`trust-policies`). Undefined for anything else. */
export function schemaOf(kindOrPlural: string): JsonObject | undefined {
  const found = KINDS.find(({ kind, plural }) => kind === kindOrPlural || plural === kindOrPlural)
  return found && jsonSchemaFor(found)
}
