/**
 * Resources: what administrators write and the system stores. One path: file text (`parseResourceFile`) or HTTP body ->
 * `parseDocument` (envelope and spec, strict, every fault at once) -> `ResourceStore` (newest state and every earlier one).
 * A kind is data (`ResourceKind`), exported by the domain folder that it belongs to; this folder knows none of them.
 */
export { type Difference, differences } from './differences.ts'
export { type DocumentOutcome, parseDocument } from './document.ts'
export { API_VERSION, jsonSchemaFor } from './document-schema.ts'
export { mergePatch } from './merge-patch.ts'
export { dateSchema, lineSchema, NAME_PATTERN, nameSchema, ownerSchema } from './metadata.ts'
export { nearestName } from './nearest.ts'
export { type OwnerReference, parseOwner } from './owner.ts'
export { type Page, type PageInput, pageOf } from './page.ts'
export { MAX_FILE_BYTES, type ParsedFile, parseResourceFile, type SourceDocument, type SourceFault } from './parse.ts'
export { MAX_DEPTH, type PlainJson, toPlainJson } from './plain-json.ts'
export { pointerOf, pointerPath, pointerTo } from './pointer.ts'
export { type CheckedInput, schemaProblems } from './schema-problems.ts'
export {
  createResourceStore,
  RESTORE_DAYS,
  type ResourceChange,
  type ResourceStore,
  type ResourceStoreDependencies,
} from './store.ts'
export type * from './types.ts'
