import { parseOwner, type Resource, type ResourceDocument } from '../resources/index.ts'
import type { DocumentProblem, Draft } from './draft.ts'
import { MANAGEMENT_SERVICE_NAME } from './management-service.ts'
import { isVerifyScope, VERIFY_PREFIX } from './scopes.ts'
import { labelOfResource } from './state.ts'

/** The provider and service that a policy names; also of a stored one that no longer has the shape of a policy. */
export function namesIn({ spec }: ResourceDocument): { readonly provider: string; readonly service: string } {
  const { provider, grant } = spec as { readonly provider?: unknown; readonly grant?: { readonly service?: unknown } }
  return { provider: String(provider), service: String(grant?.service) }
}

/** The services whose verifiers a policy on the management API admits: they are not deleted from under it, and then made anew. */
function verifiedServices(document: ResourceDocument): readonly string[] {
  const { grant } = document.spec as { readonly grant?: { readonly scopes?: unknown } }
  if (namesIn(document).service !== MANAGEMENT_SERVICE_NAME || !Array.isArray(grant?.scopes)) return []
  const scopes = grant.scopes.map(String).filter(isVerifyScope)
  return scopes.map((scope) => `Service/${scope.slice(VERIFY_PREFIX.length + 1)}`)
}

/** What a resource refers to by name, as labels. */
export function referencesOf({ document }: Resource): readonly string[] {
  const labels: string[] = []
  const owner = document.metadata.owner === undefined ? undefined : parseOwner(document.metadata.owner)
  if (owner) labels.push(`${owner.kind}/${owner.name}`)
  if (document.kind === 'TrustPolicy') {
    const { provider, service } = namesIn(document)
    labels.push(`TrustProvider/${provider}`, `Service/${service}`, ...verifiedServices(document))
  }
  if (document.kind === 'Team') {
    const { members } = document.spec
    if (Array.isArray(members)) labels.push(...members.map((name) => `Person/${name}`))
  }
  return labels
}

/** Deletions of what something in the resulting state still refers to, naming the referrers. */
export function findReferenceProblems(
  drafts: readonly Draft[],
  { resources }: { readonly resources: ReadonlyMap<string, Resource> },
): readonly DocumentProblem[] {
  const deleted = new Map<string, string[]>()
  for (const { before, after } of drafts) if (before && !after) deleted.set(labelOfResource(before), [])
  if (deleted.size === 0) return []
  for (const resource of resources.values()) {
    for (const label of new Set(referencesOf(resource))) deleted.get(label)?.push(labelOfResource(resource))
  }
  return [...deleted].flatMap(([document, referrers]): DocumentProblem[] => {
    if (referrers.length === 0) return []
    const shown = referrers.sort().slice(0, 10)
    const more = referrers.length > shown.length ? ` and ${referrers.length - shown.length} more` : ''
    return [
      {
        severity: 'error',
        code: 'referenced',
        pointer: '',
        detail: `it is referred to by ${shown.join(', ')}${more}`,
        fix: 'change or delete these first, or in the same set',
        document,
      },
    ]
  })
}
