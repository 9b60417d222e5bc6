import type { Now } from '../lib/index.ts'
import { createDatabase } from './database.ts'
import { migrateEmbeddedDirectory, openEmbedded } from './embedded/open.ts'
import type { StorageLogger } from './engine.ts'
import type { MigrationResult } from './migrations.ts'
import { migratePostgres } from './postgres/migrate.ts'
import { openPostgres } from './postgres/open.ts'
import type { Database, Migration, StorageTables } from './types.ts'

/** How to reach a PostgreSQL database. */
export interface PostgresTarget {
  /** Where the server reads and writes; may lead through a transaction pooler, then `direct` is required. */
  readonly url: string
  /** A connection that keeps its session (LISTEN, leader lock). Default: `url`. */
  readonly direct?: string
  /** The role that owns the schema. Without it the schema is never changed from here. */
  readonly migrateUrl?: string
}

/** Where the data is: a directory of this machine, or a PostgreSQL database. */
export type DatabaseTarget =
  | { readonly embedded: { readonly directory: string } }
  | { readonly postgres: PostgresTarget }

/** What opening a database takes. */
export interface OpenOptions {
  readonly migrations: readonly Migration[]
  readonly target: DatabaseTarget
  readonly now: Now
  readonly logger?: StorageLogger
}

/**
 * Opens a database that is migrated and current, and follows its revision log from the present head.
 * Refuses without changing anything what it cannot use.
 * @throws ServiceError `data_directory_unusable`, `store_corrupt`, `schema_newer`, `schema_older`, `store_unavailable`.
 */
export async function openDatabase<T extends StorageTables>(options: OpenOptions): Promise<Database<T>> {
  const { target, migrations, now, logger } = options
  const engine =
    'embedded' in target
      ? await openEmbedded({ directory: target.embedded.directory, migrations, now, logger })
      : await openPostgres({ ...target.postgres, migrations, now, logger })
  try {
    return await createDatabase<T>({ engine, now, logger })
  } catch (error) {
    await engine.close()
    throw error
  }
}

/**
 * Brings a database's schema up to date, under the lock that all who migrate take. On PostgreSQL with `migrateUrl`, or with
 * `url` when there is none; the serving role gets its grants.
 * @throws ServiceError as {@link openDatabase}.
 */
export async function migrateDatabase(options: OpenOptions): Promise<MigrationResult> {
  const { target, migrations, now, logger } = options
  if ('embedded' in target) {
    return migrateEmbeddedDirectory({ directory: target.embedded.directory, migrations, now, logger })
  }
  return migratePostgres({ ...target.postgres, migrations, now, logger })
}
