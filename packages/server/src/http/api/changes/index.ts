/**
 * Documents as a set: compare, apply, lint, export, and the schema of each kind. `set-body.ts` is what comes in, `wire.ts` maps a
 * plan to its JSON. All rules (all or nothing, widening, escalation) are the domain's; see `admin/`.
 */
import type { Operation } from '../operation.ts'
import { apply } from './apply.ts'
import { diff } from './diff.ts'
import { exportDocuments } from './export.ts'
import { lint } from './lint.ts'
import { documentSchema } from './schema.ts'

/** The operations on sets of documents. */
export const changeOperations: readonly Operation[] = [diff, apply, lint, exportDocuments, documentSchema]
