/**
 * Revocations: `create.ts` ends what has been issued and answers with the receipt, `feed.ts` is what verifiers follow, as pages or as
 * a stream. `wire.ts` maps a page to JSON, the same for both and for the lease that is refused with one.
 */
import type { Operation } from '../operation.ts'
import { createRevocation } from './create.ts'
import { getFeed } from './feed.ts'

/** The operations on revocations. */
export const revocationOperations: readonly Operation[] = [getFeed, createRevocation]
export { feedWire, toFeedWire } from './wire.ts'
