/**
 * The tables of every domain folder and their schema migrations, in one place because they are one database.
 * `tables.ts` is what Kysely sees, `migrations/` how an installation gets there. Add a table by a new numbered migration
 * (forward only, expand before contract) and its interface here; its queries go into the owning folder's `store.ts`.
 */
import type { Migration } from '../storage/index.ts'
import { mainJob } from './migrations/0001-main-job.ts'
import { verifyAndRevoke } from './migrations/0002-verify-and-revoke.ts'

/** Every schema migration, in order; the last version is what this binary understands. */
export const MIGRATIONS: readonly Migration[] = [mainJob, verifyAndRevoke]
export type * from './tables.ts'
