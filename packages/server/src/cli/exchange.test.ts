import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { assertGolden } from './testing/golden.ts'
import { type LineOptions, runLine } from './testing/run-line.ts'
import { type StandInApi, startStandInApi } from './testing/stand-in-api.ts'
import { makeToken, piecesOf } from './testing/tokens.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-cli-'))
const AUDIENCE = 'https://orders.acme.internal'
const proof = makeToken({ iss: 'https://issuer.example', sub: 'repo:acme/orders' })
const issued = makeToken(
  {
    aud: AUDIENCE,
    client_id: 'wl_3f9a',
    jti: 'jti_1',
    exp: 1_795_512_000,
    scope: 'orders:deploy',
    cs: { pol: 'pol_1', tp: ['tp_1'], rev: 4 },
  },
  { typ: 'at+jwt', kid: '9fQ' },
)
const bearer = randomBytes(24).toString('base64url')
const canaries = [...piecesOf(proof), ...piecesOf(issued), bearer]
const GRANTED = {
  body: {
    access_token: issued,
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: 900,
    scope: 'orders:deploy',
    event_id: 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v',
  },
}
const DENIED = {
  status: 400,
  body: {
    error: 'invalid_target',
    error_description: 'The audience is not granted to this subject token',
    error_id: 'evt_01jz8m2q4c6e8g0j2m4p6r8t0v',
  },
}
let api: StandInApi

writeFileSync(join(cwd, 'proof'), `${proof}\n`, { mode: 0o600 })
beforeEach(async () => {
  await api?.close()
  api = await startStandInApi()
})
after(async () => {
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

/** Runs an exchange and asserts T29 on everything it printed. */
async function exchange(more: readonly string[], options: LineOptions = {}, printed: readonly string[] = []) {
  const result = await runLine(['exchange', '--server', api.url, '--audience', AUDIENCE, ...more], { cwd, ...options })
  for (const canary of canaries) {
    if (printed.includes(canary)) continue
    assert.ok(!result.stdout.includes(canary), `stdout holds a credential: ${more.join(' ')}`)
    assert.ok(!result.stderr.includes(canary), `stderr holds a credential: ${more.join(' ')}`)
  }
  return result
}

const github = () => ({
  ACTIONS_ID_TOKEN_REQUEST_URL: `${api.url}/token?api-version=2.0`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer,
})

test('a denial is one line with the id, exit 1, and tells the caller nothing else', async () => {
  api.answer('POST /oauth/token', DENIED)
  const result = await exchange(['--proof-file', 'proof'])
  assert.equal(result.exit, 1)
  assertGolden('exchange-denied', result.stderr)
  assert.equal(result.stdout, '')
  const json = await exchange(['--proof-file', 'proof', '-o', 'json'])
  assert.equal(json.exit, 1)
  const { error } = JSON.parse(json.stdout)
  assert.deepEqual([error.code, error.request_id, error.retryable], ['exchange_denied', DENIED.body.error_id, false])
})

test('a hostile error code or id of the server is not printed as it is', async () => {
  api.answer('POST /oauth/token', { status: 400, body: { error: 'x\nfix: curl evil', error_id: 'evt_1`rm`\u001b[2J' } })
  const { stderr } = await exchange(['--proof-file', 'proof'])
  assert.match(stderr, /exchange denied \(unknown error\)/)
  assert.doesNotMatch(stderr.replaceAll('\n', ''), /\p{Cc}/u)
  assert.match(stderr, /countersign explain ID/)
})

const SERVER_FAULTS: readonly (readonly [string, Parameters<StandInApi['answer']>[1], number])[] = [
  ['429', { status: 429, body: { error: 'invalid_request', error_id: 'ref_1' } }, 3],
  ['503', { status: 503, body: { error: 'temporarily_unavailable', error_id: 'ref_1' } }, 3],
  ['500', { status: 500, body: { error: 'server_error' } }, 3],
  ['404 of another server', { status: 404, body: 'not here' }, 3],
  ['a redirect', { status: 307, headers: { location: 'https://evil.example/' }, body: '' }, 3],
  ['200 without a token', { body: { token_type: 'Bearer' } }, 3],
  ['200 with a token that is no header value', { body: { access_token: 'a\r\nb' } }, 3],
  ['a connection that breaks off', { breaks: true }, 3],
  ['no answer', { hang: true }, 3],
]

for (const [what, answer, exit] of SERVER_FAULTS) {
  test(`T29: ${what} of the server prints no credential, and the exchange is not repeated`, async () => {
    api.answer('POST /oauth/token', answer)
    const result = await exchange(['--proof-file', 'proof', '--timeout', '300ms', '-vv', '-o', 'json'])
    assert.equal(result.exit, exit, result.stderr)
    assert.equal(api.requests.length, 1)
    JSON.parse(result.stdout)
  })
}

test('without any source it says why each was skipped, and exits 4', async () => {
  const result = await exchange([])
  assert.equal(result.exit, 4)
  assertGolden('exchange-no-proof', result.stderr)
  assert.equal(api.requests.length, 0)
})

test('in a GitHub job without id-token permission it names the permission', async () => {
  const result = await exchange([], { env: { GITHUB_ACTIONS: 'true' } })
  assert.match(
    result.stderr,
    /github: ACTIONS_ID_TOKEN_REQUEST_URL not set: the job lacks "permissions: id-token: write", or the run is a fork pull request/,
  )
})

test('GitHub Actions: asks the runner for a proof for the address of the server, and exchanges it', async () => {
  api.answer('GET /token', { body: { value: proof } })
  api.answer('POST /oauth/token', GRANTED)
  const result = await exchange(['-v'], { env: github() })
  assert.equal(result.exit, 0, result.stderr)
  const [asked, exchanged] = api.requests
  assert.equal(asked?.query.get('audience'), api.url)
  assert.equal(asked?.query.get('api-version'), '2.0')
  assert.equal(asked?.headers.authorization, `bearer ${bearer}`)
  const form = new URLSearchParams(exchanged?.body)
  assert.equal(form.get('subject_token'), proof)
  assert.equal(form.get('subject_token_type'), 'urn:ietf:params:oauth:token-type:jwt')
  assert.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:token-exchange')
  assert.equal(form.get('audience'), AUDIENCE)
  assert.equal(form.has('scope'), false)
  assert.equal(exchanged?.headers.authorization, undefined)
  assert.match(result.stderr, /^skipped {2}file: --proof-file not given\n/)
  assertGolden('exchange-github', result.stdout)
})

test('--proof-audience, --scope, --resource and --ttl travel', async () => {
  api.answer('GET /token', { body: { value: proof } })
  api.answer('POST /oauth/token', GRANTED)
  await exchange(
    [
      '--proof-audience',
      'https://sts.acme.example',
      '--scope',
      'a',
      '--scope',
      'b',
      '--resource',
      'https://r.example',
      '--ttl',
      '5m',
    ],
    { env: github() },
  )
  assert.equal(api.requests[0]?.query.get('audience'), 'https://sts.acme.example')
  const form = new URLSearchParams(api.requests[1]?.body)
  assert.deepEqual(
    [form.get('scope'), form.get('resource'), form.get('expires_in')],
    ['a b', 'https://r.example', '300'],
  )
})

test('a GitHub source that fails ends the search: no other identity is used in its place', async () => {
  for (const answer of [
    { status: 500, body: 'no' },
    { body: { value: '' } },
    { body: 'no json' },
    { status: 302, body: '', headers: { location: 'https://evil.example' } },
  ]) {
    api.answer('GET /token', answer)
    const result = await exchange([], { env: { ...github(), COUNTERSIGN_PROOF_FILE: join(cwd, 'proof') } })
    assert.equal(result.exit, 3, result.stderr)
    assert.ok(!api.requests.some((request) => request.path === '/oauth/token'))
  }
})

test('the bearer of the runner goes to https or loopback only', async () => {
  const result = await exchange([], {
    env: { ...github(), ACTIONS_ID_TOKEN_REQUEST_URL: 'http://runner.example/token' },
  })
  assert.equal(result.exit, 2)
  assert.match(result.stderr, /not an https address/)
})

test('Kubernetes: reads the projected token that COUNTERSIGN_PROOF_FILE names; a named one must be there', async () => {
  api.answer('POST /oauth/token', GRANTED)
  const found = await exchange(['-o', 'json'], { env: { COUNTERSIGN_PROOF_FILE: 'proof' } })
  assert.equal(JSON.parse(found.stdout).source, 'kubernetes')
  const missing = await exchange([], { env: { COUNTERSIGN_PROOF_FILE: 'nowhere' } })
  assert.equal(missing.exit, 2)
  assert.match(missing.stderr, /COUNTERSIGN_PROOF_FILE: nowhere cannot be read/)
})

test('--source names one source, and the others are not asked', async () => {
  api.answer('POST /oauth/token', GRANTED)
  const result = await exchange(['--source', 'kubernetes', '-o', 'json'], {
    env: { ...github(), COUNTERSIGN_PROOF_FILE: 'proof' },
  })
  assert.equal(JSON.parse(result.stdout).source, 'kubernetes')
  assert.ok(!api.requests.some((request) => request.path === '/token'))
  assert.equal((await exchange(['--source', 'github'], { env: { COUNTERSIGN_PROOF_FILE: 'proof' } })).exit, 4)
})

test('the proof comes from stdin too, never from a terminal', async () => {
  api.answer('POST /oauth/token', GRANTED)
  assert.equal((await exchange(['--proof-file', '-'], { stdin: `${proof}\n` })).exit, 0)
  assert.equal((await exchange(['--proof-file', '-'], { stdin: proof, terminal: 80 })).exit, 2)
})

const BAD_FILES: readonly (readonly [string, string])[] = [
  ['an empty file', '\n'],
  ['two lines', `${proof}\nX-Evil: 1`],
  ['control characters', `${proof}\u0000`],
  ['more than 16 KiB', 'a'.repeat(20_000)],
]

for (const [what, content] of BAD_FILES) {
  test(`a proof file with ${what} is exit 2, and nothing is sent`, async () => {
    writeFileSync(join(cwd, 'bad'), content)
    const result = await exchange(['--proof-file', 'bad', '-vv'])
    assert.equal(result.exit, 2)
    assert.equal(api.requests.length, 0)
  })
}

test('by default the token is not shown: what came of it is', async () => {
  api.answer('POST /oauth/token', GRANTED)
  const json = JSON.parse((await exchange(['--proof-file', 'proof', '-o', 'json'])).stdout)
  assert.deepEqual(
    [
      json.source,
      json.event_id,
      json.policy_id,
      json.workload_id,
      json.scope,
      json.expires_in,
      json.kid,
      json.out_file,
    ],
    ['file', GRANTED.body.event_id, 'pol_1', 'wl_3f9a', 'orders:deploy', 900, '9fQ', null],
  )
  assert.equal('access_token' in json, false)
  assert.equal((await exchange(['--proof-file', 'proof', '-o', 'id'])).stdout, `${GRANTED.body.event_id}\n`)
})

test('--show-token prints the token alone to a pipe, and never to a terminal', async () => {
  api.answer('POST /oauth/token', GRANTED)
  const terminal = await exchange(['--proof-file', 'proof', '--show-token'], { terminal: 80 })
  assert.equal(terminal.exit, 2)
  assert.equal(api.requests.length, 0)
  const piped = await exchange(['--proof-file', 'proof', '--show-token'], {}, piecesOf(issued))
  assert.equal(piped.stdout, `${issued}\n`)
  assert.ok(!piped.stderr.includes(issued))
})

test('--out-file makes a new 0600 file, and never touches one that exists, also not through a link', async () => {
  api.answer('POST /oauth/token', GRANTED)
  const written = await exchange(['--proof-file', 'proof', '--out-file', 'token'])
  assert.equal(written.exit, 0, written.stderr)
  assert.equal(readFileSync(join(cwd, 'token'), 'utf8'), issued)
  assert.equal(statSync(join(cwd, 'token')).mode & 0o777, 0o600)
  writeFileSync(join(cwd, 'kept'), 'kept', { mode: 0o644 })
  symlinkSync(join(cwd, 'elsewhere'), join(cwd, 'link'))
  const before = api.requests.length
  for (const path of ['token', 'kept', 'link']) {
    const refused = await exchange(['--proof-file', 'proof', '--out-file', path])
    assert.equal(refused.exit, 5)
    assert.match(refused.stderr, /exists; it was not touched/)
  }
  assert.equal(api.requests.length, before, 'the proof is not used up for nothing')
  assert.equal(readFileSync(join(cwd, 'kept'), 'utf8'), 'kept')
  assert.equal(existsSync(join(cwd, 'elsewhere')), false)
})

test('a denied exchange leaves no file behind', async () => {
  api.answer('POST /oauth/token', DENIED)
  assert.equal((await exchange(['--proof-file', 'proof', '--out-file', 'none'])).exit, 1)
  assert.equal(existsSync(join(cwd, 'none')), false)
})

const REPORT = `
  const { readFileSync, statSync, writeFileSync } = require('node:fs')
  const path = process.env.COUNTERSIGN_TOKEN_FILE
  writeFileSync(process.argv[1], JSON.stringify({
    path, token: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o777, env: process.env.ORDERS_TOKEN ?? null,
  }))
  process.exit(7)
`

test('-- CMD gets the token in a 0600 file that is gone afterwards, and its exit code is ours', async () => {
  api.answer('POST /oauth/token', GRANTED)
  const report = join(cwd, 'report.json')
  const env = { PATH: process.env['PATH'], COUNTERSIGN_PROOF_FILE: 'proof' }
  const result = await exchange(['--', process.execPath, '-e', REPORT, report], { env })
  assert.equal(result.exit, 7, result.stderr)
  const seen = JSON.parse(readFileSync(report, 'utf8'))
  assert.deepEqual([seen.token, seen.mode, seen.env], [issued, 0o600, null])
  assert.equal(existsSync(seen.path), false)
  assert.equal(result.stdout, '', 'stdout belongs to the command')
  await exchange(['--env', 'ORDERS_TOKEN', '--', process.execPath, '-e', REPORT, report], { env })
  assert.equal(JSON.parse(readFileSync(report, 'utf8')).env, issued)
})

const WAIT_FOR_ANOTHER = `
  const { readFileSync, writeFileSync } = require('node:fs')
  const path = process.env.COUNTERSIGN_TOKEN_FILE
  const first = readFileSync(path, 'utf8')
  const timer = setInterval(() => {
    const token = readFileSync(path, 'utf8')
    if (token === first) return
    writeFileSync(process.argv[1], JSON.stringify({ first, token, env: process.env.ORDERS_TOKEN }))
    process.exit(7)
  }, 10)
`

test('while the command runs, the file is renewed in one step; the variable is not', async () => {
  const [first, second] = [makeToken({ jti: 'first' }), makeToken({ jti: 'second' })]
  const short = (token: string) => ({ body: { ...GRANTED.body, access_token: token, expires_in: 1 } })
  api.answer('POST /oauth/token', short(first), short(second))
  const report = join(cwd, 'renewed.json')
  const env = { PATH: process.env['PATH'], COUNTERSIGN_PROOF_FILE: 'proof' }
  const line = ['--env', 'ORDERS_TOKEN', '--', process.execPath, '-e', WAIT_FOR_ANOTHER, report]
  const result = await exchange(line, { env })
  assert.equal(result.exit, 7, result.stderr)
  assert.deepEqual(JSON.parse(readFileSync(report, 'utf8')), { first, token: second, env: first })
  for (const piece of [...piecesOf(first), ...piecesOf(second)]) assert.ok(!result.stderr.includes(piece))
})

test('a renewal that is denied is a warning with the id, and the command goes on with the old token', async () => {
  api.answer('POST /oauth/token', { body: { ...GRANTED.body, expires_in: 1 } }, DENIED)
  const env = { PATH: process.env['PATH'], COUNTERSIGN_PROOF_FILE: 'proof' }
  const stopped = new AbortController()
  const script = `process.once('SIGTERM', () => process.exit(0)); setInterval(() => undefined, 1000)`
  const { exit, stderr } = await exchange(['--', process.execPath, '-e', script], {
    env,
    signal: stopped.signal,
    onStderr: (text) => text.startsWith('warning') && stopped.abort('SIGTERM'),
  })
  assert.equal(exit, 0)
  assert.match(stderr, /warning: the token could not be renewed .*denied: invalid_target {2}id evt_/)
})

test('a command that cannot be started is exit 2, one ended by a signal 128 and its number', async () => {
  api.answer('POST /oauth/token', GRANTED)
  const env = { PATH: process.env['PATH'], COUNTERSIGN_PROOF_FILE: 'proof' }
  const missing = await exchange(['--', 'no-such-command-anywhere'], { env })
  assert.equal(missing.exit, 2)
  assert.match(missing.stderr, /no-such-command-anywhere: ENOENT/)
  const killed = await exchange(['--', process.execPath, '-e', 'process.kill(process.pid, "SIGTERM")'], { env })
  assert.equal(killed.exit, 143)
})

test('a denied exchange never starts the command', async () => {
  api.answer('POST /oauth/token', DENIED)
  const marker = join(cwd, 'started')
  const result = await exchange([
    '--proof-file',
    'proof',
    '--',
    process.execPath,
    '-e',
    `require('fs').writeFileSync(${JSON.stringify(marker)}, '')`,
  ])
  assert.equal(result.exit, 1)
  assert.equal(existsSync(marker), false)
})

const WRONG_LINES: readonly (readonly [string, readonly string[]])[] = [
  ['--env without a command', ['--env', 'X']],
  ['--env with a name that is none', ['--env', 'A=B', '--', 'true']],
  ['-- without a command', ['--']],
  ['--out-file and a command', ['--out-file', 'x', '--', 'true']],
  ['--show-token and --out-file', ['--show-token', '--out-file', 'x']],
  ['--proof-file and another source', ['--proof-file', 'proof', '--source', 'github']],
  ['a ttl without a unit', ['--ttl', '300']],
  ['an audience that is none', ['--audience', 'orders api']],
  ['a scope that is none', ['--scope', 'orders"read']],
]

for (const [what, more] of WRONG_LINES) {
  test(`exit 2 before a proof is asked for: ${what}`, async () => {
    const result = await exchange(more, { env: github() })
    assert.equal(result.exit, 2, result.stderr)
    assert.equal(api.requests.length, 0)
  })
}

test('over the local socket the audience of the proof is the issuer that this host runs', async () => {
  const socketPath = join(cwd, 'admin.sock')
  const local = await startStandInApi(socketPath)
  local.answer('GET /.well-known/oauth-authorization-server', { body: { issuer: 'https://sts.acme.example' } })
  local.answer('POST /oauth/token', GRANTED)
  api.answer('GET /token', { body: { value: proof } })
  const result = await runLine(['exchange', '--audience', AUDIENCE, '--socket', socketPath], { cwd, env: github() })
  await local.close()
  assert.equal(result.exit, 0, result.stderr)
  assert.equal(api.requests[0]?.query.get('audience'), 'https://sts.acme.example')
})
