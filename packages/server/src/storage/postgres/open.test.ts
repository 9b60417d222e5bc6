import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import process from 'node:process'
import { test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import { createTestTarget, TEST_ENGINE } from '../../../../../test/support/database.ts'
import {
  claimKey,
  openStorage,
  STORAGE_TEST_MIGRATIONS,
  STORAGE_TEST_PLAN,
  type StorageTestTables,
} from '../../../../../test/support/storage.ts'
import { ServiceError } from '../../errors.ts'
import { systemNow } from '../../lib/index.ts'
import { type DatabaseTarget, openDatabase } from '../index.ts'

const postgresOnly = { skip: TEST_ENGINE === 'embedded' && 'PostgreSQL only' }

const refusedWith = (code: string) => (error: unknown) => {
  assert.equal(error instanceof ServiceError && error.code, code)
  return true
}

const open = (target: DatabaseTarget) =>
  openDatabase<StorageTestTables>({ migrations: STORAGE_TEST_MIGRATIONS, target, now: systemNow })

async function makePostgresTarget(t: Parameters<typeof createTestTarget>[0]) {
  const target = await createTestTarget(t, { empty: true })
  if (!('postgres' in target)) throw new Error('PostgreSQL only')
  return target
}

async function asSuperuser(url: string, text: string): Promise<void> {
  const superuser = new URL(process.env['COUNTERSIGN_TEST_POSTGRES'] ?? '')
  superuser.pathname = new URL(url).pathname
  const client = new pg.Client({ connectionString: superuser.href })
  await client.connect()
  await client.query(text)
  await client.end()
}

/** Ends every other connection to the database, as a failover or a restart does. */
const TERMINATE =
  'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'

test('a server that refuses connections is unavailable', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = address && typeof address === 'object' ? address.port : 0
  await new Promise((resolve) => server.close(resolve))
  const url = `postgres://somebody:hidden-word@127.0.0.1:${port}/db`
  await assert.rejects(open({ postgres: { url } }), (error) => {
    assert.equal(error instanceof ServiceError && error.code, 'store_unavailable')
    assert.equal(JSON.stringify(error).includes('hidden-word'), false)
    assert.equal(String((error as Error).stack).includes('hidden-word'), false)
    return true
  })
  await assert.rejects(open({ postgres: { url, migrateUrl: url } }), refusedWith('store_unavailable'))
})

test('a server that hangs up is unavailable', async (t) => {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const address = server.address()
  const port = address && typeof address === 'object' ? address.port : 0
  await assert.rejects(
    open({ postgres: { url: `postgres://somebody@127.0.0.1:${port}/db` } }),
    refusedWith('store_unavailable'),
  )
})

test('a wrong password, and a database that does not exist, are unavailable', postgresOnly, async (t) => {
  const { postgres } = await makePostgresTarget(t)
  for (const [part, value] of [
    ['password', 'wrong'],
    ['pathname', '/countersign_absent'],
  ] as const) {
    const url = new URL(postgres.url)
    url[part] = value
    await assert.rejects(open({ postgres: { url: url.href } }), refusedWith('store_unavailable'))
  }
})

test(
  'a session address that does not work is refused at start, not tried for ever in silence',
  postgresOnly,
  async (t) => {
    const { postgres } = await makePostgresTarget(t)
    await (await open({ postgres })).close()
    const direct = new URL(postgres.url)
    direct.password = 'wrong'
    await assert.rejects(
      open({ postgres: { url: postgres.url, direct: direct.href } }),
      refusedWith('store_unavailable'),
    )
  },
)

test('a server that acknowledges commits before they are durable is refused', postgresOnly, async (t) => {
  const { postgres } = await makePostgresTarget(t)
  await (await open({ postgres })).close()
  await asSuperuser(
    postgres.url,
    `alter database ${new URL(postgres.url).pathname.slice(1)} set synchronous_commit = off`,
  )
  await assert.rejects(open({ postgres }), refusedWith('config_invalid'))
})

test(
  'behind a transaction pooler neither session settings nor named statements are needed',
  postgresOnly,
  async (t) => {
    const { postgres } = await makePostgresTarget(t)
    const database = await open({ postgres: { ...postgres, direct: postgres.url } })
    try {
      const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
      const write = () => batch.write({ guard: [claimKey(1), 0, Date.now() - (Date.now() % 1000) + 60_000], rows: {} })
      await write()
      const { rows } = await sql<{ found: number }>`select count(*) as found from pg_prepared_statements`.execute(
        database.read,
      )
      assert.equal(rows[0]?.found, 0)
    } finally {
      await database.close()
    }
  },
)

test('when all connections end, a transaction fails clearly, and the next one works', postgresOnly, async (t) => {
  const target = await makePostgresTarget(t)
  const database = await openStorage(t, { target })
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.insertInto('marks').values({ name: 'lost', batch: 1 }).execute()
      await asSuperuser(target.postgres.url, TERMINATE)
      await tx.insertInto('marks').values({ name: 'never', batch: 1 }).execute()
    }),
    refusedWith('store_unavailable'),
  )
  await database.transaction((tx) => tx.insertInto('marks').values({ name: 'next', batch: 1 }).execute())
  assert.deepEqual(await database.read.selectFrom('marks').select('name').execute(), [{ name: 'next' }])
})

test(
  'a leader whose connection ends loses its signal, and revisions are heard again afterwards',
  postgresOnly,
  async (t) => {
    const target = await makePostgresTarget(t)
    const database = await openStorage(t, { target })
    const first = Promise.withResolvers<AbortSignal>()
    const second = Promise.withResolvers<number>()
    let led = 0
    database.campaign('one', async ({ epoch, signal }) => {
      led += 1
      if (led === 1) first.resolve(signal)
      else second.resolve(epoch)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    })
    const signal = await first.promise
    const lost = new Promise((resolve) => signal.addEventListener('abort', resolve))
    await asSuperuser(target.postgres.url, TERMINATE)
    await lost
    assert.equal(await second.promise, 2)
    const heard = Promise.withResolvers<number>()
    database.revisions.subscribe(([change]) => heard.resolve(change?.revision ?? 0))
    const other = await openStorage(t, { target })
    await other.transaction((tx) => other.revisions.append(tx, { kind: 'k', target: 't', detail: null }))
    assert.equal(await heard.promise, 1)
  },
)

test('transactions that deadlock are tried again and both succeed', postgresOnly, async (t) => {
  const target = await makePostgresTarget(t)
  const database = await openStorage(t, { target })
  for (const id of ['a', 'b']) {
    await database.transaction((tx) => tx.insertInto('notes').values({ id, body: '', size: 0, data: null }).execute())
  }
  const met = Promise.withResolvers<void>()
  let arrived = 0
  const add = (ids: readonly string[]) =>
    database.transaction(async (tx) => {
      for (const id of ids) {
        await tx
          .updateTable('notes')
          .set((of) => ({ size: of('size', '+', 1) }))
          .where('id', '=', id)
          .execute()
        arrived += 1
        if (arrived === 2) met.resolve()
        await met.promise
      }
    })
  await Promise.all([add(['a', 'b']), add(['b', 'a'])])
  const rows = await database.read.selectFrom('notes').select(['id', 'size']).orderBy('id').execute()
  assert.deepEqual(rows, [
    { id: 'a', size: 2 },
    { id: 'b', size: 2 },
  ])
})

test(
  'a batch whose connection ends rejects its entries and does not write them again by itself',
  postgresOnly,
  async (t) => {
    const target = await makePostgresTarget(t)
    const database = await openStorage(t, { target })
    const batch = database.createGuardedBatch(STORAGE_TEST_PLAN)
    const expiresAt = Date.now() + 3_600_000
    const write = (key: number) => batch.write({ guard: [claimKey(key), 0, expiresAt], rows: {} })
    await write(0)
    // Holds the batch at the lock of a row, so that its connection can be ended while it writes.
    const held = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const blocking = database.transaction(async (tx) => {
      await sql`insert into claims (key, slot, expires_at) values (${claimKey(1)}, 0, ${expiresAt})`.execute(tx)
      held.resolve()
      await release.promise
      throw new Error('rolled back')
    })
    blocking.catch(() => undefined)
    await held.promise
    const writes = Promise.allSettled([write(1), write(2)])
    await new Promise((resolve) => setTimeout(resolve, 300))
    await asSuperuser(target.postgres.url, `${TERMINATE} and query like 'WITH input%'`)
    for (const result of await writes) {
      assert.equal(result.status === 'rejected' && (result.reason as ServiceError).code, 'store_unavailable')
    }
    release.resolve()
    await assert.rejects(blocking, /rolled back/)
    assert.equal((await database.read.selectFrom('claims').select('slot').execute()).length, 1)
    assert.equal((await write(1)).won, true)
  },
)
