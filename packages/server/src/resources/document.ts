import type { JsonObject, JsonValue } from '../lib/index.ts'
import { API_VERSION, documentSchema, jsonSchemaFor } from './document-schema.ts'
import { nearestName } from './nearest.ts'
import { toPlainJson } from './plain-json.ts'
import { schemaProblems } from './schema-problems.ts'
import type { Problem, ResourceDocument, ResourceKind } from './types.ts'

/** A document that has the shape of its kind, or every fault of its shape. `label` names it in messages: `TrustPolicy/NAME`. */
export type DocumentOutcome =
  | { readonly ok: true; readonly kind: ResourceKind; readonly document: ResourceDocument; readonly label: string }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly label: string }

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** How messages name a document: kind and name as far as it says them, else its place in the set. */
function labelOf(value: JsonValue, place: string): string {
  if (!isObject(value)) return place
  const name = isObject(value.metadata) ? value.metadata.name : undefined
  if (typeof value.kind !== 'string' || typeof name !== 'string') return place
  return `${value.kind.slice(0, 64)}/${name.slice(0, 64)}`
}

/**
 * Parses one untrusted document strictly: envelope, metadata, spec, tests; unknown members are refused (a misspelt condition
 * would otherwise admit everybody), all faults are returned at once. The document that comes back is plain JSON with the
 * kind's defaults written out; parsing it again gives it back unchanged.
 */
export function parseDocument(input: unknown, kinds: readonly ResourceKind[], place = 'document'): DocumentOutcome {
  const plain = toPlainJson(input)
  if ('problems' in plain) return { ok: false, problems: plain.problems, label: place }
  const { value } = plain
  const label = labelOf(value, place)
  if (!isObject(value)) {
    return refuse(
      label,
      'not_a_document',
      '',
      'a document is a mapping with apiVersion, kind, metadata and spec',
      'write one',
    )
  }
  const problems: Problem[] = []
  const kind = kinds.find((candidate) => candidate.kind === value.kind)
  if (!kind) {
    const names = kinds.map((candidate) => candidate.kind)
    const meant = typeof value.kind === 'string' ? nearestName(value.kind, names) : undefined
    const fix = meant ? `did you mean ${meant}?` : `use one of: ${names.join(', ')}`
    problems.push({ severity: 'error', code: 'unknown_kind', pointer: '/kind', detail: 'there is no such kind', fix })
    if (value.apiVersion !== API_VERSION) problems.push(wrongVersion)
    return { ok: false, problems, label }
  }
  const parsed = documentSchema(kind).safeParse(value)
  if (!parsed.success) {
    const found = schemaProblems(parsed.error.issues, {
      input: value,
      schema: jsonSchemaFor(kind),
      kind: kind.kind,
    })
    return {
      ok: false,
      problems: found.map((problem) => (problem.pointer === '/apiVersion' ? wrongVersion : problem)),
      label,
    }
  }
  const output = toPlainJson(parsed.data)
  if ('problems' in output) throw new TypeError(`the schema of ${kind.kind} puts out what JSON cannot hold`)
  return { ok: true, kind, document: output.value as unknown as ResourceDocument, label }
}

const wrongVersion: Problem = {
  severity: 'error',
  code: 'unknown_version',
  pointer: '/apiVersion',
  detail: 'this version of documents is not known',
  fix: `write \`apiVersion: ${API_VERSION}\``,
}

function refuse(label: string, code: string, pointer: string, detail: string, fix: string): DocumentOutcome {
  return { ok: false, problems: [{ severity: 'error', code, pointer, detail, fix }], label }
}
