/**
 * Fresh databases on a PostgreSQL server, copied from a template that has the product's schema. The template is made once
 * per server and schema, by whichever test process comes first.
 */
import { createHash, randomBytes } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { systemNow } from '../../packages/server/src/lib/index.ts'
import { MIGRATIONS } from '../../packages/server/src/schema/index.ts'
import { migrateDatabase } from '../../packages/server/src/storage/index.ts'
import { partitionRules } from '../../packages/server/src/storage/postgres/partitions.ts'

/** A database of its own, with the role that owns its schema and the role that serves. */
export interface TestPostgresDatabase {
  readonly url: string
  readonly migrateUrl: string
  remove(): Promise<void>
}

const MIGRATE_ROLE = 'countersign_test_migrate'
const SERVE_ROLE = 'countersign_test_serve'
const TEMPLATE_LOCK = 0x7e57

async function asSuperuser<R>(url: string, work: (client: pg.Client) => Promise<R>): Promise<R> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function urlOf(superuserUrl: string, database: string, role?: string): string {
  const url = new URL(superuserUrl)
  url.pathname = `/${database}`
  if (role) {
    url.username = role
    url.password = passwordOf(superuserUrl, role)
  }
  return url.href
}

/** The same in every test process, known only to those who have the superuser's URL. */
function passwordOf(superuserUrl: string, role: string): string {
  return createHash('sha256').update(`${role}\n${superuserUrl}`).digest('base64url')
}

/** Names the template by everything that its content comes from. */
function templateName(): string {
  const root = join(import.meta.dirname, '../../packages/server/src')
  const hash = createHash('sha256')
  for (const file of globSync('{schema,storage}/**/*.ts', { cwd: root }).sort()) {
    if (!file.endsWith('.test.ts')) hash.update(readFileSync(join(root, file)))
  }
  return `countersign_template_${hash.digest('hex').slice(0, 16)}`
}

async function makeRoles(client: pg.Client, superuserUrl: string): Promise<void> {
  for (const role of [MIGRATE_ROLE, SERVE_ROLE]) {
    const { rows } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])
    if (rows.length > 0) continue
    const password = client.escapeLiteral(passwordOf(superuserUrl, role))
    await client.query(`CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD ${password}`)
  }
}

/** Lets tests with a clock of their own make and drop partitions at any date; storage's own tests keep the real rules. */
const OPEN_RULES = [
  `CREATE OR REPLACE FUNCTION storage_may_create_partition(lower_bound BIGINT, upper_bound BIGINT) RETURNS BOOLEAN
    LANGUAGE sql AS 'SELECT true'`,
  "CREATE OR REPLACE FUNCTION storage_may_drop_partition(upper_bound BIGINT) RETURNS BOOLEAN LANGUAGE sql AS 'SELECT true'",
]

async function makeEmpty(client: pg.Client, superuserUrl: string, name: string): Promise<void> {
  await client.query(`CREATE DATABASE ${name} OWNER ${MIGRATE_ROLE} TEMPLATE template0`)
  await asSuperuser(urlOf(superuserUrl, name), async (own) => {
    // As PostgreSQL 15 and later do by themselves.
    await own.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
    await own.query(`GRANT CREATE ON SCHEMA public TO ${MIGRATE_ROLE}`)
  })
}

async function makeTemplate(client: pg.Client, superuserUrl: string, template: string): Promise<void> {
  const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template])
  if (rows.length > 0) return
  const building = `countersign_building_${randomBytes(6).toString('hex')}`
  await makeEmpty(client, superuserUrl, building)
  const url = urlOf(superuserUrl, building, SERVE_ROLE)
  const migrateUrl = urlOf(superuserUrl, building, MIGRATE_ROLE)
  await migrateDatabase({ migrations: MIGRATIONS, target: { postgres: { url, migrateUrl } }, now: systemNow })
  await asSuperuser(urlOf(superuserUrl, building), async (own) => {
    for (const statement of OPEN_RULES) await own.query(statement)
  })
  await client.query(`ALTER DATABASE ${building} ALLOW_CONNECTIONS false`)
  // The name appears only when the template is complete.
  await client.query(`ALTER DATABASE ${building} RENAME TO ${template}`)
}

let template: string | undefined

async function prepare(client: pg.Client, superuserUrl: string): Promise<string> {
  if (template) return template
  const name = templateName()
  await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK])
  await makeRoles(client, superuserUrl)
  await makeTemplate(client, superuserUrl, name)
  await client.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK])
  template = name
  return name
}

/** A fresh database: a copy of the template, or one without any schema. */
export async function createPostgresDatabase(
  superuserUrl: string,
  { empty }: { readonly empty: boolean },
): Promise<TestPostgresDatabase> {
  const name = `countersign_test_${randomBytes(6).toString('hex')}`
  await asSuperuser(superuserUrl, async (client) => {
    const source = await prepare(client, superuserUrl)
    if (empty) await makeEmpty(client, superuserUrl, name)
    else await client.query(`CREATE DATABASE ${name} OWNER ${MIGRATE_ROLE} TEMPLATE ${source}`)
  })
  return {
    url: urlOf(superuserUrl, name, SERVE_ROLE),
    migrateUrl: urlOf(superuserUrl, name, MIGRATE_ROLE),
    remove: () =>
      asSuperuser(superuserUrl, async (client) => void (await client.query(`DROP DATABASE ${name} WITH (FORCE)`))),
  }
}

/** Has the partition rules of a database look at a clock that is ahead, as if the server's own had been set. */
export async function moveClock(migrateUrl: string, aheadMs: number): Promise<void> {
  await asSuperuser(migrateUrl, async (owner) => {
    for (const rule of partitionRules()) {
      const moved = rule.replaceAll('clock_timestamp()', `(clock_timestamp() + interval '${aheadMs} milliseconds')`)
      await owner.query(moved.replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION'))
    }
  })
}
