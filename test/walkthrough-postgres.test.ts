// Follows docs/how-to/run-on-postgresql.md on the PostgreSQL server of the test run: roles, key, migration, two replicas.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type RunningCommand, runCommand, startCommand } from './support/command-line.ts'
import { ROOT, readBlocks } from './support/documentation.ts'
import { findFreePort } from './support/free-port.ts'
import { createReader } from './support/reader.ts'

const superuser = process.env['COUNTERSIGN_TEST_POSTGRES']
const skip = superuser === undefined && 'needs PostgreSQL: npm run test-postgres'
const page = readBlocks('docs/how-to/run-on-postgresql.md')
const directory = mkdtempSync(join(tmpdir(), 'cs-pg-'))
const suffix = randomBytes(4).toString('hex')
const names: readonly (readonly [string, string])[] = [
  ['countersign_owner', `owner_${suffix}`],
  ['countersign_server', `server_${suffix}`],
  ['DATABASE countersign ', `DATABASE walk_${suffix} `],
]
const replicas: RunningCommand[] = []

async function asSuperuser(statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: superuser })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

const replace = (text: string) =>
  [...names, ['/etc/countersign', join(directory, 'etc')] as const].reduce(
    (now, [from, to]) => now.replaceAll(from, to),
    text,
  )

before(() => mkdirSync(join(directory, 'etc')))
after(async () => {
  for (const replica of replicas) replica.child.kill('SIGTERM')
  await Promise.all(replicas.map((replica) => replica.ended))
  rmSync(directory, { recursive: true, force: true })
  if (superuser === undefined) return
  await asSuperuser([`DROP DATABASE IF EXISTS walk_${suffix} WITH (FORCE)`])
  await asSuperuser([`DROP ROLE IF EXISTS owner_${suffix}`, `DROP ROLE IF EXISTS server_${suffix}`])
})

test('how-to: run on PostgreSQL, from the roles to two replicas', { skip }, async () => {
  const sql = page.find((block) => block.language === 'sql') ?? assert.fail('the page has no SQL')
  await asSuperuser(replace(sql.text).split(';').slice(0, -1))
  const { host } = new URL(superuser ?? '')
  const url = (role: string, password: string) => `postgres://${role}_${suffix}:${password}@${host}/walk_${suffix}\n`
  writeFileSync(join(directory, 'etc/owner-url'), url('owner', 'choose-one'), { mode: 0o600 })
  writeFileSync(join(directory, 'etc/server-url'), url('server', 'choose-another'), { mode: 0o600 })
  const reader = createReader({ directory, replace })
  const config =
    page.find((block) => block.title === 'countersign.yaml') ?? assert.fail('the page has no configuration')

  // As the page says: a server finds no schema before the migration, and makes none.
  const configure = async (replica: number) => {
    const port = await findFreePort()
    const text = config.text
      .replace('https://sts.acme.example', 'http://127.0.0.1:8700')
      .replace('port: 8700', `port: ${port}`)
      .replace('/var/lib/countersign', join(directory, `data-${replica}`))
    reader.write({ ...config, title: replica === 1 ? 'countersign.yaml' : `replica-${replica}.yaml`, text })
  }
  await configure(1)
  await configure(2)
  const [makeKey, migrate] = page.filter((block) => block.run)
  assert.ok(makeKey && migrate)
  await reader.paste(makeKey)
  const early = await runCommand(['serve', '--config', 'countersign.yaml'], { cwd: directory })
  assert.equal(early.exit, 2)
  assert.match(early.stderr, /schema_older/)
  await reader.paste(migrate)

  for (const file of ['countersign.yaml', 'replica-2.yaml']) {
    const replica = startCommand(['serve', '--config', file], { cwd: directory })
    replicas.push(replica)
    const ready = async () => {
      while (!replica.stdout().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await Promise.race([ready(), replica.ended.then(({ stderr }) => assert.fail(stderr))])
    assert.doesNotMatch(replica.stderr(), /can do more than it needs/)
  }
  writeFileSync(join(directory, 'owners.yaml'), readFileSync(join(ROOT, 'examples/policies/owners.yaml')))
  const applied = await runCommand(['apply', '-f', 'owners.yaml', '--config', 'countersign.yaml'], { cwd: directory })
  assert.equal(applied.exit, 0, applied.stderr)
  const seen = await runCommand(['owners', 'list', '--config', 'replica-2.yaml'], { cwd: directory })
  assert.match(seen.stdout, /platform/)
})
