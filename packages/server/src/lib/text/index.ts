/**
 * Comparing words: edit distance, and letter case as platforms see it. A folder of its own, because the CLI's help loads it and
 * nothing else of `lib/`.
 */
export { foldAsciiCase } from './ascii-case.ts'
export { editDistance } from './edit-distance.ts'
