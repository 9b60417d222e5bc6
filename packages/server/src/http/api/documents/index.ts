/**
 * Resources as documents: the same nine operations for every kind of `noun.ts`, one file each; `wire.ts` maps a stored resource
 * to its JSON. A new kind is one more noun.
 */
import type { Operation } from '../operation.ts'
import { createDocument } from './create.ts'
import { getDocument } from './get.ts'
import { listDocuments } from './list.ts'
import { RESOURCE_NOUNS } from './noun.ts'
import { patchDocument } from './patch.ts'
import { removeDocument } from './remove.ts'
import { replaceDocument } from './replace.ts'
import { restoreDocument } from './restore.ts'
import { setDocumentEnabled } from './set-enabled.ts'

/** The operations of every resource kind. */
export const documentOperations: readonly Operation[] = RESOURCE_NOUNS.flatMap((noun) => [
  listDocuments(noun),
  createDocument(noun),
  getDocument(noun),
  replaceDocument(noun),
  patchDocument(noun),
  removeDocument(noun),
  setDocumentEnabled(noun, 'enable'),
  setDocumentEnabled(noun, 'disable'),
  restoreDocument(noun),
])
export { RESOURCE_NOUNS, type ResourceNoun } from './noun.ts'
