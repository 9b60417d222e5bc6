import { ServiceError } from '../../../errors.ts'
import type { ResourceNoun } from './noun.ts'

/**
 * Refuses a document of another kind than the path's: the scope that was looked at is the path's, and a document decides its kind itself.
 * @throws ServiceError validation_failed
 */
export function refuseOtherKind(noun: ResourceNoun, document: Readonly<Record<string, unknown>>): void {
  if (document.kind === noun.kind) return
  throw new ServiceError('validation_failed', {
    problems: [
      {
        pointer: '/document/kind',
        code: 'kind',
        detail: `only documents of kind ${noun.kind} are accepted here`,
        fix: `write kind: ${noun.kind}, or use the path of the other kind`,
      },
    ],
  })
}
