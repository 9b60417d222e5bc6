/**
 * Where `countersign exchange` takes the proof from: the sources of the SDK, pointed at what this command line and its environment
 * name. `createSourceList` also keeps what each one answered, which is what the command prints. A new source is made in the SDK
 * (credentials/sources) and gets its line in `sources.ts`.
 */
export { createSourceList, SOURCE_NAMES, type SourceList, type SourceName } from './sources.ts'
