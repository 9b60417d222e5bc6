/**
 * Fresh, real databases for tests: in a temporary directory, or, with COUNTERSIGN_TEST_POSTGRES set to a superuser's URL,
 * on that PostgreSQL server. Everything is removed when the test ends.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type Now, systemNow } from '../../packages/server/src/lib/index.ts'
import { MIGRATIONS, type Tables } from '../../packages/server/src/schema/index.ts'
import { type Database, type DatabaseTarget, openDatabase } from '../../packages/server/src/storage/index.ts'

/** The part of node:test's context that cleaning up needs. */
export interface TestScope {
  after(work: () => Promise<void> | void): void
}

const fileScope: TestScope = { after: (work) => after(work) }

interface TestTarget {
  readonly target: DatabaseTarget
  remove(): Promise<void> | void
}

function makeDirectory(): TestTarget {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  return {
    target: { embedded: { directory: join(directory, 'data') } },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** Where a fresh database will be; for tests that open it themselves, e.g. twice, or in another process. */
export async function createTestTarget(scope: TestScope = fileScope): Promise<DatabaseTarget> {
  const { target, remove } = makeDirectory()
  scope.after(remove)
  return target
}

/** A fresh database with the product's schema, closed and removed after the test (without `scope`: after the file's tests). */
export async function openTestDatabase(
  scope: TestScope = fileScope,
  { now = systemNow }: { readonly now?: Now } = {},
): Promise<Database<Tables>> {
  const { target, remove } = makeDirectory()
  const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target, now })
  scope.after(async () => {
    await database.close()
    await remove()
  })
  return database
}
