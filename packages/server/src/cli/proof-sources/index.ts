/**
 * Where a workload's proof comes from. `findProof` asks the sources of the explicit list in their order and takes the first that
 * is present; each other one says why it was skipped. A source that is present and fails ends the search: falling through to
 * another would exchange under another identity than the one that the platform meant. Add one: a file, and a line in `SOURCES`.
 */
export { findProof, type Proof, type SourceName } from './find.ts'
