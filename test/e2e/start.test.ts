// What a server does that cannot start: it ends with an exit code, one clear message that says what to do, no stack trace, and nothing
// that it found is changed (issue: "Bad input").
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { runCommand } from '../support/command-line.ts'
import { TEST_ENGINE } from '../support/database.ts'
import { createInstallation, type Installation, type Replica } from '../support/installation.ts'

type Settings = Record<string, Record<string, unknown>> & { dataDirectory: string }

const cleanups: (() => Promise<void> | void)[] = []
const embeddedOnly = { skip: TEST_ENGINE === 'embedded' ? false : 'PostgreSQL keeps its own files' }
let installation: Installation
let server: Replica
let cases = 0

before(async () => {
  installation = await createInstallation({ after: (work) => void cleanups.push(work) })
  server = await installation.addReplica()
  await server.start()
  await server.apply()
  assert.equal((await server.stop()).exit, 0)
})
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

/** A configuration of its own over a copy of the installation's data directory (PostgreSQL: over the same database). */
function variant(change: (settings: Settings) => void = () => {}): { config: string; data: string } {
  cases += 1
  const directory = join(installation.directory, `case-${cases}`)
  mkdirSync(directory)
  const settings = JSON.parse(readFileSync(server.configFile, 'utf8')) as Settings
  settings.dataDirectory = join(directory, 'data')
  cpSync(server.dataDirectory, settings.dataDirectory, { recursive: true })
  change(settings)
  const config = join(directory, 'countersign.yaml')
  writeFileSync(config, JSON.stringify(settings, undefined, 2))
  return { config, data: settings.dataDirectory }
}

/** Every file under a directory with its mode and a hash of its content. */
function contentsOf(directory: string): readonly string[] {
  if (!existsSync(directory)) return ['absent']
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(directory, name)).isFile())
    .map((name) => {
      const path = join(directory, name)
      const hash = createHash('sha256').update(readFileSync(path)).digest('hex')
      return `${name} ${statSync(path).mode.toString(8)} ${hash}`
    })
    .sort()
}

/** Starts a server that must refuse; resolves to its one message. */
async function refusal(config: string, more: { uid?: number } = {}): Promise<string> {
  const { exit, stdout, stderr } = await runCommand(['serve', '--config', config], {
    cwd: installation.directory,
    ...more,
  })
  assert.equal(exit, 2, stderr)
  assert.equal(stdout, '')
  assert.equal(stderr.match(/^error: /gm)?.length, 1, stderr)
  assert.match(stderr, /^error: [^\n]+/)
  assert.match(stderr, /^ *fix: \S/m)
  assert.doesNotMatch(stderr, /^\s+at |node_modules|\.ts:\d|"ready"/m)
  assert.doesNotMatch(stderr, /unexpected/)
  return stderr
}

/** The same, and nothing in the data directory is changed. */
async function refusalWithoutChange(place: { config: string; data: string }): Promise<string> {
  const before = contentsOf(place.data)
  const message = await refusal(place.config)
  assert.deepEqual(contentsOf(place.data), before)
  return message
}

const otherKey = (): string => {
  const path = join(installation.directory, 'other-key')
  writeFileSync(path, randomBytes(32), { mode: 0o600 })
  return path
}

test('a wrong key-encryption key is refused', async () => {
  const place = variant((settings) => {
    settings['signing'] = { sealKeyFile: otherKey() }
  })
  assert.match(await refusalWithoutChange(place), /\(seal_key_wrong\)/)
})

test('a missing key-encryption key is refused, mounted or our own, and none is made in its place', async () => {
  const mounted = variant((settings) => {
    settings['signing'] = { sealKeyFile: join(installation.directory, 'nowhere') }
  })
  assert.match(await refusalWithoutChange(mounted), /\(seal_key_missing\)/)
  const own = variant((settings) => {
    delete settings['signing']
  })
  assert.match(await refusalWithoutChange(own), /\(seal_key_missing\)/)
  assert.equal(existsSync(join(own.data, 'kek')), false)
})

test('a key-encryption key that others can read, or of another size, is refused', async () => {
  const open = join(installation.directory, 'open-key')
  cpSync(join(installation.directory, 'seal-key'), open)
  chmodSync(open, 0o644)
  const short = join(installation.directory, 'short-key')
  writeFileSync(short, 'short', { mode: 0o600 })
  for (const sealKeyFile of [open, short]) {
    const place = variant((settings) => {
      settings['signing'] = { sealKeyFile }
    })
    assert.match(await refusalWithoutChange(place), /\(seal_key_wrong\)/)
  }
})

test('a damaged database file is refused: noise, noise in its middle, cut short, empty', embeddedOnly, async () => {
  const damages: readonly ((file: string) => void)[] = [
    (file) => writeFileSync(file, randomBytes(5_000)),
    (file) => {
      const content = readFileSync(file)
      randomBytes(16_384).copy(content, 8_192)
      writeFileSync(file, content)
    },
    (file) => writeFileSync(file, readFileSync(file).subarray(0, 6_000)),
    (file) => writeFileSync(file, ''),
  ]
  for (const damage of damages) {
    const place = variant()
    damage(join(place.data, 'countersign.db'))
    assert.match(await refusalWithoutChange(place), /\(store_corrupt\)/)
  }
})

test('a data directory whose parent is missing, or that is a file, is refused', embeddedOnly, async () => {
  const missing = variant((settings) => {
    settings.dataDirectory = join(installation.directory, 'no', 'where')
  })
  assert.match(await refusalWithoutChange(missing), /no does not exist.*\(data_directory_unusable\)/)
  assert.equal(existsSync(join(installation.directory, 'no')), false)
})

test('a data directory that is a file is refused on either engine', async () => {
  const file = join(installation.directory, 'documents.yaml')
  const place = variant((settings) => {
    settings.dataDirectory = file
  })
  const before = readFileSync(file)
  assert.match(await refusal(place.config), /\(data_directory_unusable\)/)
  assert.deepEqual(readFileSync(file), before)
})

test('a data directory that this user may not write to, or not make, is refused', {
  skip: embeddedOnly.skip || (process.getuid?.() === 0 ? false : 'needs root, to be somebody else'),
}, async () => {
  const nobody = 65_534
  const place = variant()
  const readable = join(installation.directory, '..', `countersign-e2e-${randomBytes(6).toString('hex')}`)
  mkdirSync(readable, { mode: 0o755 })
  chmodSync(readable, 0o755)
  try {
    for (const dataDirectory of [join(readable, 'new'), readable]) {
      const settings = JSON.parse(readFileSync(place.config, 'utf8')) as Settings
      const config = join(readable, 'countersign.yaml')
      writeFileSync(config, JSON.stringify({ ...settings, dataDirectory }), { mode: 0o644 })
      const before = contentsOf(readable)
      const ended = await runCommand(['serve', '--config', config], { cwd: '/', uid: nobody })
      assert.equal(ended.exit, 2, ended.stderr)
      assert.match(ended.stderr, /^error: [^\n]*\(data_directory_unusable\)\nfix: /)
      assert.deepEqual(contentsOf(readable), before)
    }
  } finally {
    rmSync(readable, { recursive: true, force: true })
  }
})

test('a port that is taken is named', async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  try {
    const address = holder.address()
    assert.ok(address && typeof address === 'object')
    const place = variant((settings) => {
      settings['listen'] = { port: address.port }
    })
    const message = await refusal(place.config)
    assert.match(message, /\(address_unusable\)/)
    assert.ok(message.includes(String(address.port)))
  } finally {
    holder.close()
  }
})

test(
  'a second server on one data directory is refused by the name of the first, which goes on',
  embeddedOnly,
  async (t) => {
    const other = await createInstallation(t)
    const running = await other.addReplica()
    await running.start()
    const second = await other.addReplica()
    const message = await refusal(second.configFile)
    assert.match(message, /\(data_directory_unusable\)/)
    assert.ok(message.includes(`process ${running.pid}`), message)
    assert.equal((await running.request('/readyz')).status, 200)
  },
)

test('a configuration with many faults names every one with file, line and fix, and no value that may be secret', async () => {
  const data = join(installation.directory, 'never')
  const config = join(installation.directory, 'many.yaml')
  const lines = [
    'issuer: http://sts.acme.example',
    'listen: { host: sts.acme.example, port: 70000 }',
    `dataDirectory: ${data}`,
    'database:',
    '  url: postgres://cs:hunter2@db/cs',
    'signing:',
    '  algorithms: [HS256]',
    '  publishAhead: soon',
    'admin: { sokcet: on }',
    'retention: { claims: 30 }',
    'surprise: true',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  const message = await refusal(config)
  assert.match(message, /\(config_invalid\)/)
  const faults: readonly (readonly [number, string])[] = [
    [1, 'issuer'],
    [2, 'listen.host'],
    [2, 'listen.port'],
    [5, 'database.url'],
    [7, 'signing.algorithms'],
    [8, 'signing.publishAhead'],
    [9, 'admin.sokcet'],
    [10, 'retention.claims'],
    [11, 'surprise'],
  ]
  for (const [line, key] of faults) {
    const found = message.split('\n').findIndex((row) => row.includes(`${config}:${line} ${key}`))
    assert.notEqual(found, -1, `${key} on line ${line} is not in\n${message}`)
    assert.match(message.split('\n')[found + 1] ?? '', /^ +fix: \S/)
  }
  assert.equal(message.match(/^ {2}\S/gm)?.length, faults.length)
  assert.ok(!message.includes('hunter2'))
  assert.equal(existsSync(data), false)
})

test('a server with an emulated issuer listens on loopback only', async (t) => {
  const other = await createInstallation(t)
  const running = await other.addReplica()
  await running.start()
  const file = join(other.directory, 'documents.yaml')
  const documents = readFileSync(file, 'utf8')
  const emulated = documents
    .replace(/issuer: https:\/\/.*/, 'issuer: http://127.0.0.1:9')
    .replace(/keys: .*/, 'network: { allowLoopbackHttp: true }')
  writeFileSync(file, emulated)
  await running.apply()
  assert.equal((await running.stop()).exit, 0)
  const settings = JSON.parse(readFileSync(running.configFile, 'utf8')) as Settings
  // An address of nobody (RFC 5737): were it not refused, it could not be listened on either.
  settings['listen'] = { ...settings['listen'], host: '192.0.2.1' }
  writeFileSync(running.configFile, JSON.stringify(settings))
  const message = await refusal(running.configFile)
  assert.match(message, /github-acme/)
  assert.match(message, /loopback/)
  assert.doesNotMatch(message, /address_unusable/)
})

test('a database that a newer version has written is refused', async () => {
  const place = variant()
  const insert = "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'from-the-future', 1)"
  const { target } = installation
  if ('embedded' in target) {
    const database = new DatabaseSync(join(place.data, 'countersign.db'))
    database.exec(insert)
    database.close()
  } else {
    const client = new pg.Client({ connectionString: target.postgres.migrateUrl })
    await client.connect()
    await client.query(insert)
    await client.end()
  }
  const message = await refusalWithoutChange(place)
  assert.match(message, /\(schema_newer\)/)
  assert.match(message, /9999/)
})
