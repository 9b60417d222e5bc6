import { z } from 'zod'
import type { ApplyInput } from '../../../admin/index.ts'
import { allowWidening, manyDocuments } from '../schemas.ts'

/** What `diff` and `apply` take. */
export const setBody = z.strictObject({
  documents: manyDocuments,
  allow_widening: allowWidening,
  prune_set: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    .optional()
    .meta({ description: 'documents applied before under this name and missing now are deleted' }),
  dry_run: z.boolean().optional(),
})

/** The domain's form of a set: absent members stay absent. */
export function toApplyInput(body: z.output<typeof setBody>): Omit<ApplyInput, 'actor'> {
  return {
    documents: body.documents,
    ...(body.allow_widening === undefined ? {} : { allowWidening: body.allow_widening }),
    ...(body.prune_set === undefined ? {} : { prune: { set: body.prune_set } }),
    ...(body.dry_run === undefined ? {} : { dryRun: body.dry_run }),
  }
}
