/**
 * A process that writes batches without end and prints the id of each acknowledged entry: for tests that kill it.
 * Arguments: the database target as JSON, a prefix for its ids.
 */
import process from 'node:process'
import { systemNow } from '../../packages/server/src/lib/index.ts'
import { BATCH_NUMBER, type DatabaseTarget, openDatabase } from '../../packages/server/src/storage/index.ts'
import { claimKey, STORAGE_TEST_MIGRATIONS, STORAGE_TEST_PLAN, type StorageTestTables } from './storage.ts'

const [target = '{}', prefix = ''] = process.argv.slice(2)
const database = await openDatabase<StorageTestTables>({
  migrations: STORAGE_TEST_MIGRATIONS,
  target: JSON.parse(target) as DatabaseTarget,
  now: systemNow,
})
const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
const expiresAt = Date.now() + 3_600_000
let count = 0
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (;;) {
      count += 1
      const id = `${prefix}-${count}`
      const key = claimKey(count)
      key.set(Buffer.from(prefix.padEnd(8)), 8)
      await batch.write({ guard: [key, count, expiresAt], rows: { journal: [[id, 'text', BATCH_NUMBER]] } })
      process.stdout.write(`${id}\n`)
    }
  }),
)
