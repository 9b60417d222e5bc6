import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type LineResult, runLine } from './testing/run-line.ts'
import { makeToken } from './testing/tokens.ts'

// The real server on the embedded store, over its local socket: what the stand-in of the other tests assumes is true.
const cwd = mkdtempSync(join(tmpdir(), 'cs-e2e-'))
const env = {
  COUNTERSIGN_ISSUER: 'http://127.0.0.1:8700',
  COUNTERSIGN_LISTEN__PORT: '0',
  COUNTERSIGN_LOG__LEVEL: 'silent',
  COUNTERSIGN_DATA_DIRECTORY: join(cwd, 'data'),
}
const interrupt = new AbortController()
let serving: Promise<LineResult>

const run = (line: string, stdin?: string) =>
  runLine(line.split(' '), { cwd, env, ...(stdin === undefined ? {} : { stdin }) })
const json = async (line: string) => JSON.parse((await run(`${line} -o json`)).stdout)

const FILES = `apiVersion: countersign/v1
kind: Team
metadata: { name: orders }
spec: {}
---
apiVersion: countersign/v1
kind: Service
metadata: { name: orders-api, owner: team:orders, purpose: takes orders, environment: production }
spec:
  audience: https://orders.acme.internal
  scopes: [orders:read, orders:deploy]
`

before(async () => {
  writeFileSync(join(cwd, 'resources.yaml'), FILES)
  serving = runLine(['serve'], { cwd, env, signal: interrupt.signal })
  const failed = serving.then((result) => assert.fail(`the server did not start: ${result.stderr}`))
  failed.catch(() => {})
  const ready = async () => {
    while ((await run('whoami -q')).exit !== 0) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await Promise.race([ready(), failed])
})
after(async () => {
  interrupt.abort('SIGTERM')
  const result = await serving
  rmSync(cwd, { recursive: true, force: true })
  assert.equal(result.exit, 0, result.stderr)
  assert.match(result.stdout, /^countersign is ready at http:\/\/127\.0\.0\.1:\d+\n$/)
})

test('whoami over the socket: the operating system is the attestor', async () => {
  const who = await json('whoami')
  assert.deepEqual([who.id, who.kind, who.origin], ['local-socket', 'local-socket', 'default'])
  assert.ok(who.scopes.includes('audit:export'))
})

test('doctor finds a sound installation', async () => {
  const result = await run('doctor')
  assert.equal(result.exit, 0, result.stdout)
  assert.match(result.stdout, /^ok +key-file/m)
  assert.match(result.stdout, /^ok +audit/m)
})

test('diff, dry run, apply, diff: differences, none written, written, none left', async () => {
  const diff = await run('diff -f resources.yaml')
  assert.equal(diff.exit, 1, diff.stderr)
  assert.match(diff.stdout, /\+ create Service orders-api/)
  assert.match((await run('apply -f resources.yaml --dry-run')).stdout, /nothing was written/)
  assert.equal((await run('diff -f resources.yaml')).exit, 1)
  const applied = await run('apply -f resources.yaml')
  assert.equal(applied.exit, 0, applied.stderr)
  assert.match(applied.stdout, /applied at revision \d+/)
  const again = await run('diff -f resources.yaml')
  assert.equal(again.stdout, 'no differences\n')
  assert.equal(again.exit, 0)
})

test('a fault that only the server sees is exit 2 with its place in the file', async () => {
  writeFileSync(join(cwd, 'bad.yaml'), FILES.replace('https://orders.acme.internal', 'not a uri'))
  const diff = await run('diff -f bad.yaml')
  assert.equal(diff.exit, 2, diff.stdout)
  assert.match(diff.stdout, /error {2}bad\.yaml:10:\d+ Service\/orders-api \/spec\/audience/)
  assert.equal((await run('apply -f bad.yaml')).exit, 2)
  assert.equal((await run('lint -f bad.yaml')).exit, 1)
})

test('list, get, disable, enable, delete, restore', async () => {
  assert.equal((await run('services list -o id')).stdout.split('\n').filter((id) => id.startsWith('svc_')).length, 1)
  assert.match((await run('services get orders-api')).stdout, /^# svc_\w+ {3}revision \d+ {3}enabled/)
  assert.equal((await json('services disable orders-api')).enabled, false)
  assert.equal((await json('services enable orders-api')).enabled, true)
  assert.equal((await run('services delete orders-api')).exit, 2, 'asks first')
  const deleted = await json('services delete orders-api --yes')
  assert.equal((await run('services get orders-api')).exit, 1)
  const restored = await run(`services restore ${deleted.id}`)
  assert.equal(restored.exit, 0, restored.stderr)
  assert.equal((await run('owners get team:orders -o id')).exit, 0)
  assert.match((await run('owners list')).stdout, /Team +orders/)
})

test('export is what apply takes: nothing differs', async () => {
  const { stdout } = await run('export')
  assert.equal((await run('diff -f -', stdout)).stdout, 'no differences\n')
})

test('schema, signing keys and events are there', async () => {
  for (const kind of ['Team', 'Person', 'Workload', 'Service', 'TrustProvider', 'TrustPolicy']) {
    assert.equal(typeof (await json(`schema ${kind}`)), 'object')
  }
  const keys = await json('signing-keys list')
  assert.ok(keys.items.some((key: { state: string }) => key.state === 'active'))
  const events = await json('events list --limit 5')
  assert.equal(events.items.length, 5)
  assert.equal((await json(`events get ${events.items[0].id}`)).id, events.items[0].id)
  assert.equal((await run('explain evt_01jz8m2q4c6e8g0j2m4p6r8t0v')).exit, 1)
})

test('a proof of an unknown issuer is denied with an id that explain knows', async () => {
  writeFileSync(
    join(cwd, 'proof'),
    makeToken({ iss: 'https://issuer.example', sub: 'x', aud: 'https://sts', exp: 4_000_000_000 }),
  )
  const denied = await run('exchange --audience https://orders.acme.internal --proof-file proof')
  assert.equal(denied.exit, 1, denied.stderr)
  const id = /id (\w+)/.exec(denied.stderr)?.[1] ?? ''
  const explained = await run(`explain ${id}`)
  assert.equal(explained.exit, 0, explained.stderr)
  assert.match(explained.stdout, /^DENIED/)
  const inspected = await run('inspect proof')
  assert.equal(inspected.exit, 1)
  assert.match(inspected.stdout, /^DENIED/)
})

test('the log is exported and verifies offline; one changed byte does not', async () => {
  const exported = await run('audit export --out-file audit.jsonl')
  assert.equal(exported.exit, 0, exported.stderr)
  const verified = await run('audit verify audit.jsonl')
  assert.equal(verified.exit, 0, verified.stdout)
  const path = join(cwd, 'audit.jsonl')
  const text = readFileSync(path, 'utf8')
  // An export holds every event that was committed when it was asked for.
  assert.ok(text.includes('local-socket'), 'the events of the tests before are in the export')
  writeFileSync(path, text.replace('local-socket', 'local-socked'))
  const changed = await run('audit verify audit.jsonl')
  assert.equal(changed.exit, 1)
  assert.match(changed.stdout, /first bad entry: \d+/)
  assert.match((await run('audit checkpoint')).stdout, /^127\.0\.0\.1:8700\/v1\/audit\n/)
})
