/**
 * Resources: what administrators write and the system stores. One path: file text (`parseResourceFile`) or HTTP body ->
 * `parseDocument` (envelope and spec, strict, every fault at once) -> `ResourceStore` (newest state and every earlier one).
 * A kind is data (`ResourceKind`), exported by the domain folder that it belongs to; this folder knows none of them.
 */
export { type Difference, differences } from './differences.ts'
export { mergePatch } from './merge-patch.ts'
export { nearestName } from './nearest.ts'
export { MAX_FILE_BYTES, type ParsedFile, parseResourceFile, type SourceDocument, type SourceFault } from './parse.ts'
export { MAX_DEPTH, type PlainJson, toPlainJson } from './plain-json.ts'
export { pointerOf, pointerPath, pointerTo } from './pointer.ts'
export type * from './types.ts'
