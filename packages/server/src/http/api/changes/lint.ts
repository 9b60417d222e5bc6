import { z } from 'zod'
import { ServiceError } from '../../../errors.ts'
import { RESOURCE_NOUNS } from '../documents/index.ts'
import { defineOperation, type Operation } from '../operation.ts'
import { manyDocuments } from '../schemas.ts'
import { faultsWire, MAX_SET_BYTES, unreadableScope } from './wire.ts'

/**
 * `POST /v1/lint`: faults and warnings of documents, each with its fix. Changes nothing. Faults name stored documents (who has the
 * audience, which name is nearest), so it takes the read scope of each kind that is given, as `diff` does (invariant 8).
 */
export const lint: Operation = defineOperation({
  id: 'lint',
  method: 'POST',
  path: '/v1/lint',
  scope: 'resources:diff',
  summary: 'Find faults in documents',
  maxBodyBytes: MAX_SET_BYTES,
  body: z.strictObject({ documents: manyDocuments }),
  replies: {
    200: { description: 'Empty `problems` means that nothing was found', schema: z.object({ problems: faultsWire }) },
  },
  errors: [],
  async handle({ actor, body }, { administration }) {
    // A document of no kind is told only that: nothing stored is like it.
    const kinds = RESOURCE_NOUNS.map(({ kind }) => kind).filter((kind) =>
      body.documents.some((document) => (document as { kind?: unknown } | null)?.kind === kind),
    )
    const scope = unreadableScope(kinds, actor)
    if (scope !== undefined) throw new ServiceError('forbidden', { detail: `it takes ${scope}` })
    return { status: 200, body: { problems: await administration.lint(body.documents) } }
  },
})
