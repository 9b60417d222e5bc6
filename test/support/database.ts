/**
 * Fresh, real databases for tests: in a temporary directory, or, with COUNTERSIGN_TEST_POSTGRES set to a superuser's URL,
 * on that PostgreSQL server with separate migrating and serving roles. Everything is removed when the test ends.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after } from 'node:test'
import { type Now, systemNow } from '../../packages/server/src/lib/index.ts'
import { MIGRATIONS, type Tables } from '../../packages/server/src/schema/index.ts'
import { type Database, type DatabaseTarget, openDatabase } from '../../packages/server/src/storage/index.ts'
import { createPostgresDatabase } from './postgres-database.ts'

/** The part of node:test's context that cleaning up needs. */
export interface TestScope {
  after(work: () => Promise<void> | void): void
}

/** The engine that tests run on. */
export const TEST_ENGINE: 'embedded' | 'postgres' = process.env['COUNTERSIGN_TEST_POSTGRES'] ? 'postgres' : 'embedded'

const fileScope: TestScope = { after: (work) => after(work) }

const cleanups = new WeakMap<TestScope, (() => Promise<void> | void)[]>()

/** Cleans up after a test in the reverse of the order of set-up; node:test's own hooks run in the order of set-up. */
export function cleanUp(scope: TestScope, work: () => Promise<void> | void): void {
  const known = cleanups.get(scope)
  if (known) {
    known.push(work)
    return
  }
  const works = [work]
  cleanups.set(scope, works)
  scope.after(async () => {
    for (let next = works.pop(); next; next = works.pop()) await next()
  })
}

interface TestTarget {
  readonly target: DatabaseTarget
  remove(): Promise<void> | void
}

async function makeTarget(empty: boolean): Promise<TestTarget> {
  const superuserUrl = process.env['COUNTERSIGN_TEST_POSTGRES']
  if (superuserUrl) {
    const { url, migrateUrl, remove } = await createPostgresDatabase(superuserUrl, { empty })
    return { target: { postgres: { url, migrateUrl } }, remove }
  }
  const directory = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  return {
    target: { embedded: { directory: join(directory, 'data') } },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/**
 * Where a fresh database will be; for tests that open it themselves: twice, in another process, or with a schema of their
 * own (`empty`). On PostgreSQL one that is not empty makes and drops partitions at any date, so that tests own the clock.
 */
export async function createTestTarget(
  scope: TestScope = fileScope,
  { empty = false }: { readonly empty?: boolean } = {},
): Promise<DatabaseTarget> {
  const { target, remove } = await makeTarget(empty)
  cleanUp(scope, remove)
  return target
}

/** A fresh database with the product's schema, closed and removed after the test (without `scope`: after the file's tests). */
export async function openTestDatabase(
  scope: TestScope = fileScope,
  { now = systemNow }: { readonly now?: Now } = {},
): Promise<Database<Tables>> {
  const { target, remove } = await makeTarget(false)
  // The template has the schema already; opening as the serving role alone is faster, and what production does.
  const serving = 'postgres' in target ? { postgres: { url: target.postgres.url } } : target
  cleanUp(scope, remove)
  const database = await openDatabase<Tables>({ migrations: MIGRATIONS, target: serving, now })
  cleanUp(scope, () => database.close())
  return database
}
