import {
  type DocumentOutcome,
  type Problem,
  parseDocument,
  type Resource,
  type ResourceDocument,
} from '../resources/index.ts'
import { KINDS } from './kinds.ts'
import { MANAGEMENT_SERVICE_NAME } from './management-service.ts'
import { expandRoles } from './scopes.ts'
import { labelOf, labelOfResource, type State } from './state.ts'

/** The label by which `apply --set NAME` remembers which documents belong to a set. It is exported and applied like any other. */
export const SET_LABEL = 'countersign.dev/set'

/** One intended change: the stored resource, what it becomes, and the word for it in events. */
export interface Draft {
  readonly before: Resource | undefined
  readonly after: Resource | undefined
  readonly verb: 'created' | 'updated' | 'deleted' | 'restored' | 'enabled' | 'disabled'
}

/** A fault and the document that has it. */
export type DocumentProblem = Problem & { readonly document: string }

/** Intended changes, and what is wrong with the documents themselves. */
export interface Drafts {
  readonly drafts: readonly Draft[]
  readonly problems: readonly DocumentProblem[]
}

/** The id that a new resource has until it is written. */
function provisionalId(label: string): string {
  return `new:${label}`
}

/** The stored resource with another document, or a new resource that holds it. */
export function draftOf(before: Resource | undefined, document: ResourceDocument, now: Date): Draft {
  const label = labelOf(document.kind, document.metadata.name)
  const after: Resource = before
    ? { ...before, document }
    : { id: provisionalId(label), document, revision: 0, enabled: true, createdAt: now, updatedAt: now }
  return { before, after, verb: before ? 'updated' : 'created' }
}

/** Parses an untrusted document; roles in a grant of the management service are expanded here, before anything looks at it. */
export function parseForSave(input: unknown, place: string): DocumentOutcome {
  const outcome = parseDocument(input, KINDS, place)
  if (!outcome.ok || outcome.document.kind !== 'TrustPolicy') return outcome
  const { spec } = outcome.document
  const grant = spec.grant as { readonly service: string; readonly scopes: readonly string[] }
  if (grant.service !== MANAGEMENT_SERVICE_NAME) return outcome
  const document = { ...outcome.document, spec: { ...spec, grant: { ...grant, scopes: expandRoles(grant.scopes) } } }
  return { ...outcome, document }
}

/**
 * The changes that applying a set of documents means: each is created, or replaces the stored one of its kind and name entirely.
 * With a set name, documents of that set that are missing now are deleted. Without one, a document stays in the set it is in.
 */
export function draftSet(
  input: { readonly documents: readonly unknown[]; readonly set: string | undefined },
  state: State,
  now: Date,
): Drafts {
  const problems: DocumentProblem[] = []
  const drafts = new Map<string, Draft>()
  for (const [index, raw] of input.documents.entries()) {
    const outcome = parseForSave(raw, `document ${index + 1}`)
    if (!outcome.ok) {
      problems.push(...outcome.problems.map((problem) => ({ ...problem, document: outcome.label })))
      continue
    }
    const { label } = outcome
    const report = (code: string, pointer: string, detail: string, fix: string) =>
      problems.push({ severity: 'error', code, pointer, detail, fix, document: label })
    if (drafts.has(label)) {
      report('duplicate_document', '/metadata/name', 'the set holds two documents of this kind and name', 'keep one')
      continue
    }
    const before = state.resources.get(label)
    const set =
      input.set ?? outcome.document.metadata.labels?.[SET_LABEL] ?? before?.document.metadata.labels?.[SET_LABEL]
    const written = outcome.document.metadata.labels?.[SET_LABEL]
    if (written !== undefined && written !== set) {
      report('other_set', '/metadata/labels', 'the document says that it belongs to another set', 'remove the label')
      continue
    }
    drafts.set(label, draftOf(before, withSet(outcome.document, set), now))
  }
  if (input.set !== undefined) {
    for (const [label, resource] of state.resources) {
      if (drafts.has(label) || resource.document.metadata.labels?.[SET_LABEL] !== input.set) continue
      drafts.set(label, { before: resource, after: undefined, verb: 'deleted' })
    }
  }
  return { drafts: [...drafts.values()].sort(byKindAndName), problems }
}

function withSet(document: ResourceDocument, set: string | undefined): ResourceDocument {
  if (set === undefined) return document
  const { metadata } = document
  return { ...document, metadata: { ...metadata, labels: { ...metadata.labels, [SET_LABEL]: set } } }
}

/** Kinds in the order of {@link KINDS}, then by name: what is referred to comes before what refers to it. */
function byKindAndName(left: Draft, right: Draft): number {
  const order = ({ before, after }: Draft) => {
    const resource = after ?? before
    if (!resource) return ''
    const kind = KINDS.findIndex((candidate) => candidate.kind === resource.document.kind)
    return `${String.fromCharCode(65 + kind)}${labelOfResource(resource)}`
  }
  return order(left) < order(right) ? -1 : 1
}
