/**
 * A small schema and the engine under test, for the tests of storage itself: the real migration path, grants, triggers and
 * partition rules, and no word of the product.
 */
import type { Now } from '../../packages/server/src/lib/index.ts'
import { systemNow } from '../../packages/server/src/lib/index.ts'
import {
  type BatchPlan,
  type Database,
  type DatabaseTarget,
  type Migration,
  openDatabase,
  type StorageLogger,
  type StorageTables,
} from '../../packages/server/src/storage/index.ts'
import { cleanUp, createTestTarget, type TestScope } from './database.ts'

/** The tables of {@link STORAGE_TEST_MIGRATIONS}. */
export interface StorageTestTables extends StorageTables {
  notes: { id: string; body: string; size: number | null; data: Uint8Array | null }
  journal: { id: string; entry: string; batch: number }
  marks: { name: string; batch: number }
  claims: { key: Uint8Array; slot: number; expires_at: number }
}

/** One range of the partitioned table. */
export const SPAN_MS = 3_600_000

/** A plain table, an append-only one, a partitioned guard, and one whose first writer wins. */
export const STORAGE_TEST_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'test-tables',
    statements: ({ bytes, integer }) => [
      `CREATE TABLE notes (id TEXT PRIMARY KEY, body TEXT NOT NULL, size ${integer} CHECK (size >= 0), data ${bytes})`,
      `CREATE TABLE journal (id TEXT PRIMARY KEY, entry TEXT NOT NULL, batch ${integer} NOT NULL)`,
      `CREATE TABLE marks (name TEXT PRIMARY KEY, batch ${integer} NOT NULL)`,
    ],
    embedded: [
      'CREATE TABLE claims (key BLOB NOT NULL, slot INTEGER NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (key, slot, expires_at)) WITHOUT ROWID',
    ],
    postgres: [
      'CREATE TABLE claims (key BYTEA NOT NULL, slot BIGINT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (key, slot, expires_at)) PARTITION BY RANGE (expires_at)',
    ],
    appendOnly: ['journal'],
    partitioned: [{ table: 'claims', column: 'expires_at', spanMs: SPAN_MS }],
  },
]

/** Claims guard, the journal and the marks depend. */
export const STORAGE_TEST_PLAN: BatchPlan = {
  guard: { table: 'claims', columns: { key: 'bytes', slot: 'integer', expires_at: 'integer' } },
  dependents: {
    journal: { table: 'journal', columns: { id: 'text', entry: 'text', batch: 'integer' } },
    marks: { table: 'marks', columns: { name: 'text', batch: 'integer' }, onConflict: 'ignore' },
  },
}

/** A guard key of 32 bytes made of a number. */
export function claimKey(number: number): Uint8Array {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, number)
  return key
}

/** A fresh database with the small schema. Give `target` to open a further one on the same data. */
export async function openStorage(
  scope: TestScope,
  options: { readonly target?: DatabaseTarget; readonly now?: Now; readonly logger?: StorageLogger } = {},
): Promise<Database<StorageTestTables>> {
  const target = options.target ?? (await createTestTarget(scope, { empty: true }))
  const database = await openDatabase<StorageTestTables>({
    migrations: STORAGE_TEST_MIGRATIONS,
    target,
    now: options.now ?? systemNow,
    ...(options.logger ? { logger: options.logger } : {}),
  })
  cleanUp(scope, () => database.close())
  return database
}
