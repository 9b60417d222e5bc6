import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { openStorage } from '../../../../../test/support/storage.ts'
import { ServiceError } from '../../errors.ts'

const WRITER = join(import.meta.dirname, '../../../../../test/support/storage-writer.ts')

function makeParent(t: TestContext): string {
  const parent = mkdtempSync(join(tmpdir(), 'countersign-embedded-'))
  t.after(() => rmSync(parent, { recursive: true, force: true }))
  return parent
}

const openAt = (t: TestContext, directory: string) => openStorage(t, { target: { embedded: { directory } } })

/** Refused with that code, in words that say what to do. */
function refused(code: string, words: RegExp) {
  return (error: unknown): boolean => {
    assert.equal(error instanceof ServiceError && error.code, code)
    assert.match((error as ServiceError).detail ?? '', words)
    return true
  }
}

/** A directory with a database that has a few rows. */
async function makeUsed(t: TestContext): Promise<string> {
  const directory = join(makeParent(t), 'data')
  const database = await openAt(t, directory)
  await database.transaction((tx) =>
    tx
      .insertInto('notes')
      .values(
        Array.from({ length: 200 }, (_, index) => ({
          id: `note-${index}`,
          body: 'x'.repeat(200),
          size: null,
          data: null,
        })),
      )
      .execute(),
  )
  await database.close()
  return directory
}

test('a directory whose parent does not exist is refused, and nothing is made', async (t) => {
  const parent = makeParent(t)
  await assert.rejects(
    openAt(t, join(parent, 'absent', 'data')),
    refused('data_directory_unusable', /does not exist; create it/),
  )
  assert.deepEqual(readdirSync(parent), [])
})

test('a path that is a file is refused and left alone', async (t) => {
  const file = join(makeParent(t), 'data')
  writeFileSync(file, 'mine')
  await assert.rejects(openAt(t, file), refused('data_directory_unusable', /is not a directory/))
  await assert.rejects(openAt(t, join(file, 'below')), refused('data_directory_unusable', /cannot be created/))
  assert.equal(readFileSync(file, 'utf8'), 'mine')
})

test('a dangling symbolic link is refused', async (t) => {
  const link = join(makeParent(t), 'data')
  symlinkSync('/absent/elsewhere', link)
  await assert.rejects(openAt(t, link), refused('data_directory_unusable', /is not a directory/))
})

test('a directory that this user may not write is refused', {
  skip: process.getuid?.() !== 0 && 'needs root to become another user',
}, (t) => {
  const directory = join(makeParent(t), 'data')
  mkdirSync(directory, { mode: 0o755 })
  chmodSync(join(directory, '..'), 0o755)
  const script = `
    const { prepareDirectory } = await import(${JSON.stringify(join(import.meta.dirname, 'directory.ts'))})
    try { prepareDirectory(${JSON.stringify(directory)}, undefined) } catch (error) { console.log(error.code, error.detail) }`
  const output = execFileSync(process.execPath, ['--conditions=source', '--input-type=module', '--eval', script], {
    encoding: 'utf8',
    uid: 65534,
    gid: 65534,
  })
  assert.match(output, /^data_directory_unusable .* is not writable for this user; give it/)
})

test('a file that is no database is refused and not changed', async (t) => {
  const directory = join(makeParent(t), 'data')
  mkdirSync(directory)
  const content = 'this is not a database, but somebody may need it. '.repeat(100)
  writeFileSync(join(directory, 'countersign.db'), content)
  await assert.rejects(openAt(t, directory), refused('store_corrupt', /is not a readable database/))
  assert.equal(readFileSync(join(directory, 'countersign.db'), 'utf8'), content)
})

test('a database of another application is refused and not changed', async (t) => {
  const directory = join(makeParent(t), 'data')
  mkdirSync(directory)
  const file = join(directory, 'countersign.db')
  const other = new DatabaseSync(file)
  other.exec('CREATE TABLE theirs (id TEXT)')
  other.close()
  const before = readFileSync(file)
  await assert.rejects(openAt(t, directory), refused('store_corrupt', /another application/))
  assert.deepEqual(readFileSync(file), before)
})

test('a database with a damaged page is refused and not changed', async (t) => {
  const directory = await makeUsed(t)
  const file = join(directory, 'countersign.db')
  const damaged = readFileSync(file)
  damaged.fill(0x5a, damaged.length - 4096 * 3, damaged.length - 4096)
  writeFileSync(file, damaged)
  await assert.rejects(openAt(t, directory), refused('store_corrupt', /countersign\.db/))
  assert.deepEqual(readFileSync(file), damaged)
})

test('a database that was cut short is refused', async (t) => {
  const directory = await makeUsed(t)
  truncateSync(join(directory, 'countersign.db'), 4096 * 4)
  await assert.rejects(openAt(t, directory), refused('store_corrupt', /countersign\.db/))
})

test('an empty database file is not taken for a new installation', async (t) => {
  const directory = await makeUsed(t)
  truncateSync(join(directory, 'countersign.db'), 0)
  await assert.rejects(openAt(t, directory), refused('store_corrupt', /is empty; restore a backup/))
  assert.equal(statSync(join(directory, 'countersign.db')).size, 0)
})

test('a second process on one directory is refused and told who holds it', async (t) => {
  const directory = join(makeParent(t), 'data')
  const target = JSON.stringify({ embedded: { directory } })
  const holder = spawn(process.execPath, ['--conditions=source', WRITER, target, 'holder'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => holder.stdout.once('data', resolve))
  holder.stdout.resume()
  const ended = new Promise((resolve) => holder.once('exit', resolve))
  await assert.rejects(
    openAt(t, directory),
    refused('data_directory_unusable', new RegExp(`in use by process ${holder.pid};`)),
  )
  holder.kill('SIGKILL')
  await ended
  // The operating system let go of the lock: no stale one has to be removed by hand.
  const database = await openAt(t, directory)
  assert.equal((await database.read.selectFrom('journal').select('id').execute()).length > 0, true)
})

test('the same process cannot open one directory twice either', async (t) => {
  const directory = join(makeParent(t), 'data')
  const database = await openAt(t, directory)
  await assert.rejects(openAt(t, directory), refused('data_directory_unusable', /is in use by/))
  await database.ping(5000)
  await database.close()
  const again = await openAt(t, directory)
  await again.ping(5000)
})

test('directory and files are for their owner only', async (t) => {
  const directory = join(makeParent(t), 'data')
  const database = await openAt(t, directory)
  await database.transaction((tx) => tx.insertInto('marks').values({ name: 'a', batch: 1 }).execute())
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  const files = readdirSync(directory)
  assert.equal(files.includes('countersign.db-wal'), true)
  for (const file of files) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file)
})

test('a directory that others may write is reported', async (t) => {
  const directory = join(makeParent(t), 'data')
  mkdirSync(directory)
  chmodSync(directory, 0o777)
  const warnings: string[] = []
  const logger = { warn: (_: unknown, message: string) => void warnings.push(message), error: () => undefined }
  await openStorage(t, { target: { embedded: { directory } }, logger })
  assert.match(warnings.join(), /writable for other users/)
})

test('a database file that others could read is closed to them', async (t) => {
  const directory = await makeUsed(t)
  chmodSync(join(directory, 'countersign.db'), 0o644)
  await openAt(t, directory)
  assert.equal(statSync(join(directory, 'countersign.db')).mode & 0o777, 0o600)
})

test('after close nothing of the process is left in the directory but the data', async (t) => {
  const directory = await makeUsed(t)
  assert.deepEqual(readdirSync(directory).sort(), ['countersign.db', 'countersign.lock'])
  assert.equal(existsSync(join(directory, 'countersign.pid')), false)
})

test('the writer is durable: WAL, synchronous FULL, foreign keys', async (t) => {
  const { sql } = await import('kysely')
  const database = await openAt(t, join(makeParent(t), 'data'))
  const read = async (name: string): Promise<unknown> =>
    database.transaction(async (tx) => {
      const { rows } = await sql.raw<Record<string, unknown>>(`PRAGMA ${name}`).execute(tx)
      return Object.values(rows[0] ?? {})[0]
    })
  assert.equal(await read('journal_mode'), 'wal')
  assert.equal(await read('synchronous'), 2)
  assert.equal(await read('foreign_keys'), 1)
  assert.equal(await read('recursive_triggers'), 1)
})
