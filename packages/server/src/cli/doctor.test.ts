import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { runLine } from './testing/run-line.ts'
import { problem, type StandInApi, startStandInApi } from './testing/stand-in-api.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-cli-'))
const data = join(cwd, 'data')
let api: StandInApi

mkdirSync(join(data, 'run'), { recursive: true, mode: 0o700 })
writeFileSync(join(data, 'kek'), 'x', { mode: 0o600 })

beforeEach(async () => {
  await api?.close()
  rmSync(join(data, 'run', 'admin.sock'), { force: true })
  chmodSync(data, 0o700)
  chmodSync(join(data, 'kek'), 0o600)
  api = await startStandInApi(join(data, 'run', 'admin.sock'))
  api.answer('GET /healthz', { body: { status: 'ok' } })
  api.answer('GET /readyz', { body: { status: 'ready', checks: [{ name: 'database', ok: true }] } })
  api.answer('GET /v1/trust-providers', { body: { items: [], next: null } })
  api.answer('GET /v1/status', { body: { audit: { pending: 0, oldest_age_ms: 0, size: 31 }, faults: [] } })
})
after(async () => {
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

interface Row {
  readonly check: string
  readonly outcome: string
  readonly detail: string
  readonly fix: string | null
}

async function doctor(
  ...more: readonly string[]
): Promise<{ exit: number; rows: readonly Row[]; of(check: string): Row | undefined }> {
  const result = await runLine(['doctor', '--data-dir', data, '-o', 'json', '--timeout', '1s', ...more], { cwd })
  const rows: readonly Row[] = JSON.parse(result.stdout).checks
  for (const row of rows)
    if (row.outcome === 'fail' || row.outcome === 'warn') assert.ok(row.fix, `${row.check} has no fix`)
  return { exit: result.exit, rows, of: (check) => rows.findLast((row) => row.check === check) }
}

test('a sound installation: nothing fails, exit 0', async () => {
  const { exit, rows } = await doctor()
  assert.deepEqual(
    rows.filter((row) => row.outcome === 'fail'),
    [],
  )
  assert.equal(exit, 0)
})

test('a key file that others can read fails, a data directory that the group can read warns', async () => {
  chmodSync(join(data, 'kek'), 0o644)
  chmodSync(data, 0o750)
  const { exit, of } = await doctor()
  assert.equal(exit, 1)
  assert.deepEqual([of('key-file')?.outcome, of('data-directory')?.outcome], ['fail', 'warn'])
  assert.match(of('key-file')?.fix ?? '', /chmod 0600/)
})

test('a server that is not ready fails, with the names of what is not', async () => {
  api.answer('GET /readyz', {
    status: 503,
    body: { status: 'not_ready', checks: [{ name: 'audit', ok: false, detail: 'not sealed for 60 s' }] },
  })
  const { exit, of } = await doctor()
  assert.equal(exit, 1)
  assert.match(of('server')?.detail ?? '', /audit: not sealed for 60 s/)
})

test('without a server the socket fails, and what needs it is skipped, not passed', async () => {
  await api.close()
  const { exit, of } = await doctor()
  assert.equal(exit, 1)
  assert.equal(of('socket')?.outcome, 'fail')
  for (const check of ['server', 'clock', 'issuers', 'audit']) assert.equal(of(check)?.outcome, 'skipped', check)
})

test('A-11: clocks that differ by more than 5 s fail', async () => {
  for (const offset of [-60_000, 60_000]) {
    api.answer('GET /healthz', { body: {}, headers: { date: new Date(Date.now() + offset).toUTCString() } })
    assert.equal((await doctor()).of('clock')?.outcome, 'fail')
  }
})

test('A-04: an audit log that is not sealed warns, then fails; so does a document that does not compile', async () => {
  for (const [ageMs, outcome] of [
    [100, 'ok'],
    [10_000, 'warn'],
    [90_000, 'fail'],
  ] as const) {
    api.answer('GET /v1/status', { body: { audit: { pending: 4, oldest_age_ms: ageMs, size: 1 }, faults: [] } })
    assert.equal((await doctor()).of('audit')?.outcome, outcome)
  }
  api.answer('GET /v1/status', {
    body: { audit: { pending: 0, oldest_age_ms: 0, size: 1 }, faults: [{ id: 'pol_1', detail: 'no provider' }] },
  })
  assert.equal((await doctor()).exit, 1)
  api.answer('GET /v1/status', problem(403, 'forbidden'))
  assert.equal((await doctor()).of('audit')?.outcome, 'fail')
})

test('an issuer that this host does not reach, or that names another issuer, fails', async () => {
  const issuer = await startStandInApi()
  const provider = (name: string, spec: object, enabled = true) => ({ name, enabled, document: { spec } })
  api.answer('GET /v1/trust-providers', {
    body: {
      items: [
        provider('sound', { issuer: `${issuer.url}/sound` }),
        provider('other', { issuer: `${issuer.url}/other` }),
        provider('page', { issuer: `${issuer.url}/page` }),
        provider('gone', { issuer: 'http://127.0.0.1:9' }),
        provider('plain', { issuer: 'http://issuer.example' }),
        provider('off', { issuer: 'http://127.0.0.1:9' }, false),
        provider('inline', { issuer: 'https://cluster.local', keys: { jwks: { keys: [] } } }),
        provider('file', { issuer: 'https://cluster.local', keys: { jwksFile: '/etc/jwks.json' } }),
        provider('uri', { issuer: 'https://cluster.local', keys: { jwksUri: `${issuer.url}/jwks` } }),
        provider('no-ca', { issuer: issuer.url, network: { caFile: '/nowhere/ca.pem' } }),
      ],
      next: null,
    },
  })
  issuer.answer('GET /sound/.well-known/openid-configuration', { body: { issuer: `${issuer.url}/sound` } })
  issuer.answer('GET /other/.well-known/openid-configuration', { body: { issuer: 'https://evil.example' } })
  issuer.answer('GET /jwks', { body: { keys: [] } })
  issuer.answer('GET /page/.well-known/openid-configuration', { body: '<html>' })
  const { exit, rows } = await doctor()
  await issuer.close()
  assert.equal(exit, 1)
  const outcomes = rows.filter((row) => row.check === 'issuers').map((row) => row.outcome)
  assert.deepEqual(outcomes, ['ok', 'fail', 'fail', 'fail', 'fail', 'skipped', 'ok', 'ok', 'ok', 'fail'])
})

test('--skip leaves a check out and says so', async () => {
  api.answer('GET /readyz', { status: 503, body: {} })
  const { exit, of } = await doctor('--skip', 'server', '--skip', 'issuers')
  assert.equal(exit, 0)
  assert.equal(of('server')?.outcome, 'skipped')
  assert.ok(!api.requests.some((request) => request.path === '/v1/trust-providers'))
})

test('a configuration with faults fails with each of them, and the checks go on', async () => {
  writeFileSync(join(cwd, 'bad.yaml'), 'issuer: https://sts.acme.example\nlisten: { prt: 1 }\nsinging: {}\n')
  const result = await runLine(['doctor', '--config', 'bad.yaml', '-o', 'json'], { cwd })
  assert.equal(result.exit, 1)
  const { checks } = JSON.parse(result.stdout) as { checks: readonly Row[] }
  const row = checks.find((check) => check.check === 'configuration')
  assert.equal(row?.outcome, 'fail')
  assert.match(
    row?.detail ?? '',
    /bad\.yaml:2 listen\.prt[\s\S]*bad\.yaml:3 singing|bad\.yaml:3 singing[\s\S]*bad\.yaml:2/,
  )
  assert.ok(checks.some((check) => check.check === 'node'))
})

test('the text has a line per check, the fixes and a sum', async () => {
  api.answer('GET /readyz', { status: 503, body: {} })
  const { stdout } = await runLine(['doctor', '--data-dir', data], { cwd })
  assert.match(stdout, /^fail {5}server {10}not ready \(503\)$/m)
  assert.match(stdout, /^FIX\n {2}server: /m)
  assert.match(stdout, /\d ok, 0 warn, 1 fail, \d skipped\n$/)
})
