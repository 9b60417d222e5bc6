import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { displayWidth } from './terminal/index.ts'
import { WIDENING_PLAN } from './testing/explanations.ts'
import { assertGolden } from './testing/golden.ts'
import { runLine } from './testing/run-line.ts'
import { problem, type StandInApi, startStandInApi } from './testing/stand-in-api.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-cli-'))
const POLICY = `apiVersion: countersign/v1
kind: TrustPolicy
metadata: { name: deploy-orders }
spec:
  match:
    repository: acme/orders
`
let api: StandInApi

before(() => {
  mkdirSync(join(cwd, 'policies', 'nested'), { recursive: true })
  mkdirSync(join(cwd, 'policies', '.git'), { recursive: true })
  mkdirSync(join(cwd, 'empty'))
  writeFileSync(join(cwd, 'policies', 'deploy.yaml'), POLICY)
  writeFileSync(join(cwd, 'policies', 'nested', 'team.json'), '{"kind":"Team","metadata":{"name":"orders"},"spec":{}}')
  writeFileSync(join(cwd, 'policies', '.git', 'old.yaml'), 'kind: Team\n')
  writeFileSync(join(cwd, 'policies', 'README.md'), '# not a resource')
  writeFileSync(join(cwd, 'bad.yaml'), 'kind: Team\nkind: Team\nspec: &anchor {}\n')
  writeFileSync(join(cwd, 'worse.yaml'), 'a: [\n')
})
beforeEach(async () => {
  await api?.close()
  api = await startStandInApi()
})
after(async () => {
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

const run = (line: string, options: Parameters<typeof runLine>[1] = {}) =>
  runLine([...line.split(' '), '--server', api.url], { cwd, ...options })

test('faults of files are all named at once with file, line and column, and nothing is sent', async () => {
  const result = await run('apply -f policies -f bad.yaml -f worse.yaml')
  assert.equal(result.exit, 2)
  assert.match(result.stderr, /bad\.yaml:3:7: /)
  assert.match(result.stderr, /worse\.yaml:\d+:\d+: /)
  assert.equal(api.requests.length, 0)
})

test('a directory without resources is a mistake, not an empty set that prunes everything', async () => {
  const result = await run('apply -f empty --prune --set acme')
  assert.equal(result.exit, 2)
  assert.match(result.stderr, /empty holds no \.yaml/)
  assert.equal(api.requests.length, 0)
})

test('a directory gives its .yaml, .yml and .json files, sorted, without hidden places', async () => {
  api.answer('POST /v1/diff', { body: { changes: [], problems: [], widens: false, hash: 'h', base_revision: 1 } })
  const result = await run('diff -f policies')
  assert.equal(result.exit, 0, result.stderr)
  assert.equal(result.stdout, 'no differences\n')
  const { documents } = JSON.parse(api.requests[0]?.body ?? '')
  assert.deepEqual(
    documents.map((document: { kind: string }) => document.kind),
    ['TrustPolicy', 'Team'],
  )
})

test('documents come from stdin too, but never from a terminal', async () => {
  api.answer('POST /v1/diff', { body: { changes: [], problems: [] } })
  assert.equal((await run('diff -f -', { stdin: POLICY })).exit, 0)
  assert.equal((await run('diff -f -', { terminal: 80, stdin: POLICY })).exit, 2)
})

test('diff says what changes and what it admits, and ends with the line that consents; exit 1', async () => {
  api.answer('POST /v1/diff', { body: WIDENING_PLAN })
  const piped = await run('diff -f policies --prune --set acme')
  assert.equal(piped.exit, 1)
  assertGolden('diff-piped', piped.stdout)
  assert.match(piped.stdout, /policies\/deploy\.yaml:6:\d+ TrustPolicy\/deploy-orders/)
  for (const columns of [60, 100]) {
    const { stdout } = await run('diff -f policies --prune --set acme --no-color', { terminal: columns })
    assertGolden(`diff-${columns}`, stdout)
    // The line to paste stays whole.
    for (const line of stdout.split('\n').filter((text) => !text.includes('--allow-widening'))) {
      assert.ok(displayWidth(line) <= columns, line)
    }
  }
  assert.deepEqual(JSON.parse((await run('diff -f policies -o json')).stdout), WIDENING_PLAN)
})

test('documents that are not valid are exit 2 in diff, whatever else changes', async () => {
  const error = { ...WIDENING_PLAN.problems[0], severity: 'error' }
  api.answer('POST /v1/diff', { body: { ...WIDENING_PLAN, problems: [error] } })
  const result = await run('diff -f policies')
  assert.equal(result.exit, 2)
  assert.doesNotMatch(result.stdout, /allow-widening/)
  api.answer('POST /v1/diff', { body: { changes: [{ ...WIDENING_PLAN.changes[1], problems: [error] }], problems: [] } })
  assert.equal((await run('diff -f policies')).exit, 2, 'a problem of one change counts as well')
})

test('a widening without consent is exit 5 and leads to diff', async () => {
  api.answer('POST /v1/apply', problem(409, 'widening_refused'))
  const result = await run('apply -f policies')
  assert.equal(result.exit, 5)
  assert.match(result.stderr, /fix: read `countersign diff -f policies`/)
})

test('apply sends consent, set and dry run exactly when they are given', async () => {
  api.answer('POST /v1/apply', { body: { plan: WIDENING_PLAN, revision: 22, applied: true } })
  const done = await run('apply -f policies --allow-widening w7Qd0fJm3kT5 --prune --set acme')
  assert.equal(done.exit, 0)
  assert.match(done.stdout, /applied at revision 22\n$/)
  const sent = JSON.parse(api.requests[0]?.body ?? '')
  assert.deepEqual([sent.allow_widening, sent.prune_set, sent.dry_run], ['w7Qd0fJm3kT5', 'acme', undefined])
  await run('apply -f policies')
  assert.deepEqual(Object.keys(JSON.parse(api.requests[1]?.body ?? '')), ['documents'])
})

test('a dry run is told to the server, says so, and is the same document with dry_run', async () => {
  api.answer('POST /v1/apply', { body: { plan: WIDENING_PLAN, revision: 21, applied: false } })
  const text = await run('apply -f policies --dry-run')
  assert.match(text.stdout, /dry run: nothing was written\n$/)
  assert.equal(JSON.parse(api.requests[0]?.body ?? '').dry_run, true)
  const json = JSON.parse((await run('--dry-run apply -o json -f policies')).stdout)
  assert.deepEqual(json, { plan: WIDENING_PLAN, revision: 21, applied: false, dry_run: true })
})

test('lint: warnings pass, errors do not, with --strict neither does', async () => {
  const [warning] = WIDENING_PLAN.problems
  api.answer('POST /v1/lint', { body: { problems: [warning] } })
  assert.equal((await run('lint -f policies')).exit, 0)
  assert.equal((await run('lint -f policies --strict')).exit, 1)
  api.answer('POST /v1/lint', { body: { problems: [{ ...warning, severity: 'error' }] } })
  const result = await run('lint -f policies')
  assert.equal(result.exit, 1)
  assert.match(result.stdout, /fix: match repository_id instead/)
})

test('create refuses a document of another kind and several documents', async () => {
  assert.equal((await run('services create -f policies/deploy.yaml')).exit, 2)
  assert.equal((await run('services create -f policies')).exit, 2)
  assert.equal(api.requests.length, 0)
  api.answer('POST /v1/teams', { status: 201, body: { id: 'team_1', kind: 'Team', name: 'orders', revision: 3 } })
  const result = await run('owners create -f policies/nested/team.json')
  assert.equal(result.stdout, 'created Team orders  team_1  revision 3\n')
  assert.deepEqual(Object.keys(JSON.parse(api.requests[0]?.body ?? '')), ['document'])
})

test('export is YAML documents that read back as they were, one document as JSON', async () => {
  const documents = [
    {
      apiVersion: 'countersign/v1',
      kind: 'Team',
      metadata: { name: 'no', purpose: 'a: b #c \u202e' },
      spec: { id: '0123' },
    },
    { apiVersion: 'countersign/v1', kind: 'Team', metadata: { name: 'two' }, spec: {} },
  ]
  api.answer('GET /v1/export', { body: { documents } })
  const { stdout } = await run('export')
  const read = parseAllDocuments(stdout)
  assert.ok(Array.isArray(read))
  assert.deepEqual(
    read.map((document) => document.toJS()),
    documents,
  )
  assert.deepEqual(JSON.parse((await run('export -o json')).stdout), { documents })
})

test('a test of a policy that fails is exit 1, and so is a policy without tests', async () => {
  const route = 'POST /v1/trust-policies/test'
  api.answer(route, {
    body: { passed: false, cases: [{ index: 0, expected: 'allow', passed: false, detail: 'ref differs' }] },
  })
  const failed = await run('trust-policies test -f policies')
  assert.equal(failed.exit, 1)
  assert.match(failed.stdout, /0 of 1 tests pass/)
  api.answer(route, { body: { passed: true, cases: [] } })
  assert.equal((await run('trust-policies test -f policies')).exit, 1)
  api.answer(route, { body: { passed: true, cases: [{ index: 0, expected: 'deny', passed: true, detail: '' }] } })
  assert.equal((await run('trust-policies test -f policies')).exit, 0)
  assert.equal((await run('trust-policies test -f policies/nested')).exit, 1, 'no policy in the files')
})

test('generate prints the policy as a file under its notes', async () => {
  const document = {
    apiVersion: 'countersign/v1',
    kind: 'TrustPolicy',
    metadata: { name: 'x' },
    spec: { mode: 'shadow' },
  }
  api.answer('POST /v1/trust-policies/generate', { body: { document, notes: ['set the owner\nkind: Team'] } })
  const { stdout } = await run('trust-policies generate --from evt_1')
  assert.match(stdout, /^# set the owner\\u\{a\}kind: Team\napiVersion/)
  assert.deepEqual(
    parseAllDocuments(stdout).map((read) => read.toJS()),
    [document],
  )
})
