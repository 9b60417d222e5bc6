import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { parse as parseYaml } from 'yaml'
import { COMMANDS } from './commands.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'
import { assertGolden } from './testing/golden.ts'
import { runLine } from './testing/run-line.ts'
import { problem, type StandInAnswer, type StandInApi, startStandInApi } from './testing/stand-in-api.ts'

const directory = mkdtempSync(join(tmpdir(), 'cs-cli-'))
let api: StandInApi
let local: StandInApi
const socketPath = join(directory, 'admin.sock')

before(async () => {
  local = await startStandInApi(socketPath)
  writeFileSync(
    join(directory, 'team.yaml'),
    'apiVersion: countersign/v1\nkind: Team\nmetadata: { name: orders }\nspec: {}\n',
  )
})
beforeEach(async () => {
  await api?.close()
  api = await startStandInApi()
})
after(async () => {
  await api.close()
  await local.close()
  rmSync(directory, { recursive: true, force: true })
})

const run = (line: string, options: Parameters<typeof runLine>[1] = {}) =>
  runLine([...line.split(' '), '--server', api.url, '--timeout', '500ms'], { cwd: directory, ...options })

/** A line per command that speaks to the server, with the route that decides its exit code. */
const CALLS: readonly (readonly [string, string])[] = [
  ['explain evt_1', 'GET /v1/events/evt_1/explanation'],
  ['events list', 'GET /v1/events'],
  ['events get evt_1', 'GET /v1/events/evt_1'],
  ['audit tail --limit 1', 'GET /v1/events'],
  ['audit export', 'GET /v1/audit/export'],
  ['audit checkpoint', 'GET /v1/audit/checkpoint'],
  ['audit keys', 'GET /v1/audit/keys'],
  ['receipts list', 'GET /v1/receipts'],
  ['receipts get rcpt_1', 'GET /v1/receipts/rcpt_1'],
  ['revoke policy deploy --reason leaked', 'POST /v1/revocations'],
  ['diff -f team.yaml', 'POST /v1/diff'],
  ['apply -f team.yaml', 'POST /v1/apply'],
  ['lint -f team.yaml', 'POST /v1/lint'],
  ['export', 'GET /v1/export'],
  ['schema Team', 'GET /v1/schemas/Team'],
  ['trust-policies list', 'GET /v1/trust-policies'],
  ['trust-policies get deploy', 'GET /v1/trust-policies/deploy'],
  ['owners create -f team.yaml', 'POST /v1/teams'],
  ['services delete orders --yes', 'GET /v1/services/orders'],
  ['services disable orders', 'POST /v1/services/orders/disable'],
  ['trust-policies generate --from evt_1', 'POST /v1/trust-policies/generate'],
  ['workloads list --seen', 'GET /v1/seen-workloads'],
  ['signing-keys list', 'GET /v1/signing-keys'],
  ['whoami', 'GET /v1/whoami'],
]

const FAILURES: readonly (readonly [string, StandInAnswer, number, string, boolean])[] = [
  [
    '400 is invalid input',
    problem(400, 'validation_failed', { errors: [{ pointer: '/spec', code: 'x', detail: 'no' }] }),
    2,
    'validation_failed',
    false,
  ],
  ['401 is no credential', problem(401, 'unauthenticated'), 4, 'unauthenticated', false],
  ['403 is no permission', problem(403, 'forbidden', { scope: 'events:read' }), 4, 'forbidden', false],
  ['404 is no', problem(404, 'not_found'), 1, 'not_found', false],
  ['409 is a conflict', problem(409, 'conflict'), 5, 'conflict', false],
  ['412 is a conflict', problem(412, 'precondition_failed'), 5, 'precondition_failed', false],
  ['413 is invalid input', problem(413, 'payload_too_large'), 2, 'payload_too_large', false],
  ['429 is for later', problem(429, 'too_many_denials'), 3, 'too_many_denials', true],
  ['500 is unavailable, and not to be repeated blindly', problem(500, 'internal_error'), 3, 'internal_error', false],
  ['503 is for later', problem(503, 'store_unavailable'), 3, 'store_unavailable', true],
  [
    'a code that this version does not know follows its status',
    problem(409, 'from_the_future'),
    5,
    'from_the_future',
    false,
  ],
  [
    'a redirect is not followed',
    { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
    3,
    'unexpected_answer',
    true,
  ],
  [
    'a page of a proxy is no answer',
    { status: 200, body: '<html>', headers: { 'content-type': 'application/json' } },
    3,
    'unexpected_answer',
    true,
  ],
  ['a gateway without a server is unavailable', { status: 502, body: 'bad gateway' }, 3, 'unreachable', true],
  ['a connection that breaks off is unavailable', { breaks: true }, 3, 'unreachable', true],
]

for (const [line, route] of CALLS) {
  test(`exit codes and one document on every failure: ${line}`, async () => {
    for (const [what, answer, exit, code, retryable] of FAILURES) {
      // A stream is passed on as it comes; what is in it is for `audit verify` to judge.
      if (line === 'audit export' && what === 'a page of a proxy is no answer') continue
      // Retry-After of 0: the repetition is part of the subject, the waiting is not.
      api.answer(route, { ...answer, headers: { ...answer.headers, 'retry-after': '0' } })
      const json = await run(`${line} -o ${/audit (tail|export)/.test(line) ? 'jsonl' : 'json'}`)
      assert.equal(json.exit, exit, `${line}: ${what}: ${json.stderr}`)
      assert.match(json.stderr, /^error: .+\n(.*\n)*fix: .+\n/, what)
      if (/audit (tail|export)/.test(line)) continue
      const { error } = JSON.parse(json.stdout)
      assert.equal(error.code, code, what)
      assert.equal(error.retryable, retryable, what)
      assert.deepEqual(Object.keys(error).slice(0, 6), ['code', 'title', 'detail', 'fix', 'request_id', 'retryable'])
      if (what === '400 is invalid input') assert.equal(error.request_id, 'req_0000000000')
    }
  })
}

test('a 403 names the scope that is lacking', async () => {
  api.answer('GET /v1/events', problem(403, 'forbidden', { scope: 'events:read' }))
  assert.match((await run('events list')).stderr, /fix: a policy must grant the scope events:read/)
})

test('a server that never answers is exit 3 within --timeout', async () => {
  api.answer('GET /v1/whoami', { hang: true })
  const result = await runLine(['whoami', '--server', api.url, '--timeout', '100ms'])
  assert.equal(result.exit, 3)
  assert.match(result.stderr, /no answer in time/)
})

test('reads are repeated after 503 and 429, at most three times in all', async () => {
  const later = problem(503, 'store_unavailable')
  api.answer(
    'GET /v1/whoami',
    { ...later, headers: { ...later.headers, 'retry-after': '0' } },
    { body: { id: 'local-socket' } },
  )
  assert.equal((await run('whoami')).exit, 0)
  assert.equal(api.requests.length, 2)
  api.answer('GET /v1/whoami', { ...later, headers: { ...later.headers, 'retry-after': '0' } })
  assert.equal((await run('whoami')).exit, 3)
  assert.equal(api.requests.length, 5)
})

test('writes are never repeated', async () => {
  const later = problem(503, 'store_unavailable')
  for (const [line, route] of [
    ['apply -f team.yaml', 'POST /v1/apply'],
    ['owners create -f team.yaml', 'POST /v1/teams'],
    ['services disable orders', 'POST /v1/services/orders/disable'],
  ] as const) {
    api.answer(route, { ...later, headers: { ...later.headers, 'retry-after': '0' } })
    const before = api.requests.length
    assert.equal((await run(line)).exit, 3)
    assert.equal(api.requests.length, before + 1, line)
  }
})

test('a wait longer than the timeout is not waited for', async () => {
  const later = problem(429, 'too_many_denials')
  api.answer('GET /v1/whoami', { ...later, headers: { ...later.headers, 'retry-after': '3600' } })
  assert.equal((await run('whoami')).exit, 3)
  assert.equal(api.requests.length, 1)
})

test('nothing listening, no socket and a socket that is none are exit 3 and say what was tried', async () => {
  const refused = await runLine(['whoami', '--server', 'http://127.0.0.1:9', '--timeout', '200ms'])
  assert.equal(refused.exit, 3)
  assert.match(refused.stderr, /127\.0\.0\.1:9: nothing listens there/)
  const missing = await runLine(['whoami', '--data-dir', 'nowhere'], { cwd: directory })
  assert.equal(missing.exit, 3)
  assert.match(missing.stderr, /nowhere\/run\/admin\.sock: there is no such socket/)
  const noSocket = await runLine(['whoami', '--socket', 'team.yaml'], { cwd: directory })
  assert.equal(noSocket.exit, 3)
})

test('over the socket no token is sent, whatever the environment names', async () => {
  local.answer('GET /v1/whoami', { body: { id: 'local-socket', kind: 'local-socket', scopes: [], policy_id: null } })
  writeFileSync(join(directory, 'token'), 'header.payload.signature')
  const result = await runLine(['whoami', '--socket', socketPath], {
    env: { COUNTERSIGN_TOKEN_FILE: join(directory, 'token'), COUNTERSIGN_SERVER: api.url },
  })
  assert.equal(result.exit, 0, result.stderr)
  assert.equal(local.requests.at(-1)?.headers.authorization, undefined)
  assert.equal(api.requests.length, 0, 'the flag wins over the environment')
  assert.match(result.stdout, /origin\s+flag/)
})

test('the request id of the flag travels', async () => {
  api.answer('GET /v1/whoami', { body: { id: 'local-socket' } })
  await run('whoami --request-id deploy-000042')
  assert.equal(api.requests[0]?.headers['x-request-id'], 'deploy-000042')
})

const REFUSED_LINES: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>?])[] = [
  ['plain http beyond loopback', ['whoami', '--server', 'http://sts.acme.example']],
  ['another protocol', ['whoami', '--server', 'ftp://sts.acme.example']],
  ['no URL', ['whoami', '--server', 'sts.acme.example']],
  ['a user and a password in the URL', ['whoami', '--server', 'https://user:word@sts.acme.example']],
  ['a query in the URL', ['whoami', '--server', 'https://sts.acme.example/?a=b']],
  ['a server and a socket', ['whoami', '--server', 'https://sts.acme.example', '--socket', 'x']],
  ['two servers in the environment', ['whoami'], { COUNTERSIGN_SERVER: 'https://a.example', COUNTERSIGN_SOCKET: 'x' }],
  ['an unknown format in the environment', ['whoami'], { COUNTERSIGN_OUTPUT: 'xml' }],
  ['a limit of zero', ['events', 'list', '--limit', '0']],
  ['a limit that is no number', ['events', 'list', '--limit', 'many']],
  ['a timeout without a unit', ['events', 'list', '--timeout', '30']],
  ['a timeout over an hour', ['events', 'list', '--timeout', '2h']],
  ['a filter without a value', ['events', 'list', '--filter', 'outcome']],
  ['a filter given twice', ['events', 'list', '--filter', 'outcome=denied', '--filter', 'outcome=allowed']],
  ['a request id that could break a header', ['whoami', '--request-id', 'a b\r\nx: y']],
  ['an owner without its kind', ['owners', 'get', 'orders', '--server', 'http://127.0.0.1:9']],
  ['pruning without a set', ['apply', '-f', 'team.yaml', '--prune']],
  ['a set without pruning', ['diff', '-f', 'team.yaml', '--set', 'acme']],
  ['no files', ['apply']],
  ['a file that does not exist', ['apply', '-f', 'nowhere.yaml']],
  ['a stream as one document', ['audit', 'export', '-o', 'json']],
  ['a dry run of a command that has none', ['services', 'delete', 'orders', '--dry-run', '--yes']],
  ['a dry run of an exchange', ['exchange', '--audience', 'x', '--dry-run']],
  ['generate without an event', ['trust-policies', 'generate', '--server', 'http://127.0.0.1:9']],
]

for (const [what, line, env] of REFUSED_LINES) {
  test(`exit 2 before anything is sent: ${what}`, async () => {
    for (const format of ['table', 'json'] as const) {
      const result = await runLine(format === 'json' ? [...line, '-o', 'json'] : line, {
        cwd: directory,
        env: env ?? {},
      })
      // -o given twice, or the environment's wrong format hidden by the flag: those lines are covered by the first round.
      if (format === 'json' && (line.includes('-o') || env?.['COUNTERSIGN_OUTPUT'])) continue
      assert.equal(result.exit, 2, result.stderr)
      assert.match(result.stderr, /^error: [\s\S]+\nfix: .+\n/)
      if (format === 'json') assert.ok(JSON.parse(result.stdout).error.code)
      else assert.equal(result.stdout, '')
    }
  })
}

test('a deletion asks only where somebody can answer, and otherwise names the flag', async () => {
  api.answer('GET /v1/services/orders', { body: { id: 'svc_1', name: 'orders' }, headers: { etag: '"7"' } })
  api.answer('DELETE /v1/services/orders', { status: 204 })
  for (const options of [
    {},
    { terminal: 80, env: { CI: 'true' } },
    { terminal: 80, env: { COUNTERSIGN_NO_INPUT: '1' } },
  ]) {
    const result = await run('services delete orders', options)
    assert.equal(result.exit, 2)
    assert.match(result.stderr, /fix: add --yes/)
  }
  assert.equal((await run('services delete orders --no-input', { terminal: 80, stdin: 'y\n' })).exit, 2)
  assert.equal((await run('services delete orders', { terminal: 80, stdin: 'n\n' })).exit, 2)
  assert.ok(!api.requests.some((request) => request.method === 'DELETE'))
  assert.equal((await run('services delete orders', { terminal: 80, stdin: 'y\n' })).exit, 0)
  assert.equal((await run('services delete orders --yes')).exit, 0)
  const deletions = api.requests.filter((request) => request.method === 'DELETE')
  assert.deepEqual(
    deletions.map((request) => request.headers['if-match']),
    ['"7"', '"7"'],
  )
})

test('lists: every page with --all, a hint without, one document as JSON, ids alone as id', async () => {
  const item = (name: string) => ({
    id: `svc_${name}`,
    kind: 'Service',
    name,
    revision: 1,
    enabled: true,
    updated_at: '2026-11-24T09:00:00.000Z',
    document: { metadata: { name, owner: 'team:orders', environment: 'production' } },
  })
  const pages = () =>
    api.answer(
      'GET /v1/services',
      { body: { items: [item('a'), item('b')], next: 'c1' } },
      { body: { items: [item('c')], next: null } },
    )
  pages()
  const first = await run('services list --limit 2')
  assert.match(first.stdout, /^NAME\s+OWNER/)
  assert.match(first.stderr, /more: add --all/)
  assert.equal(api.requests[0]?.query.get('limit'), '2')
  pages()
  assert.deepEqual((await run('services list --all -o id')).stdout.split('\n'), ['svc_a', 'svc_b', 'svc_c', ''])
  pages()
  const json = JSON.parse((await run('services list --all -o json')).stdout)
  assert.deepEqual([json.items.length, json.next], [3, null])
  pages()
  assert.equal(
    (await run('services list --all -o jsonl')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name)
      .join(),
    'a,b,c',
  )
  pages()
  assert.equal((await run('services list --all --columns name,id')).stdout.split('\n')[1], 'a     svc_a')
  pages()
  assert.equal((await run('services list --columns name,nonsense')).exit, 2)
})

test('a server that repeats its cursor does not keep the CLI', async () => {
  api.answer('GET /v1/events', { body: { items: [{ id: 'evt_1' }], next: 'same' } })
  const result = await run('events list --all')
  assert.equal(result.exit, 0)
  assert.ok(api.requests.length <= 2)
})

test('A-12: what a server says cannot act on the terminal, in any format', async () => {
  const evil = '\u001b]0;owned\u0007\u202e\u0085\u2028\r\nfix: curl evil'
  api.answer('GET /v1/events', {
    body: { items: [{ id: evil, kind: evil, outcome: evil, actor: evil, at: evil }], next: null },
  })
  api.answer(
    'GET /v1/events/evt_1',
    problem(409, 'conflict', { detail: evil, title: evil, request_id: evil, fix: evil }),
  )
  api.answer('GET /v1/trust-policies/x', { body: { id: evil, document: { [evil]: evil } } })
  for (const format of ['table', 'wide', 'json', 'yaml', 'jsonl', 'id']) {
    for (const line of ['events list', 'events get evt_1', 'trust-policies get x']) {
      const { stdout, stderr } = await run(`${line} --no-color -o ${format}`, { terminal: 60 })
      const text = (stdout + stderr).replaceAll('\n', '')
      assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, `${line} ${format}`)
      if (format === 'yaml' && line === 'trust-policies get x')
        assert.deepEqual(parseYaml(stdout).document, { [evil]: evil })
      if (format === 'json' && line === 'events list') assert.equal(JSON.parse(stdout).items[0].id, evil)
    }
  }
})

test('an error of the server is one line, its fix ours where the code is known', async () => {
  api.answer('GET /v1/events/evt_1', problem(409, 'conflict', { detail: 'two\nlines', fix: 'run this' }))
  const { stderr } = await run('events get evt_1')
  assert.equal(
    stderr,
    'error: the resource is in the way: two\\u{a}lines (conflict)  id req_0000000000\nfix: see detail\nsee: countersign errors conflict\n',
  )
})

test('interrupting a call is exit 130', async () => {
  api.answer('GET /v1/whoami', { hang: true })
  const interrupt = new AbortController()
  const running = run('whoami -o json', { signal: interrupt.signal })
  while (api.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
  interrupt.abort('SIGINT')
  const result = await running
  assert.equal(result.exit, 130)
  assert.equal(JSON.parse(result.stdout).error.code, 'interrupted')
})

test('property: with -o json every line ends in exactly one document or in help, and never in a stack trace', async () => {
  const word = fc.oneof(
    fc.constantFrom(...new Set(COMMANDS.flatMap((command) => [...command.path]))),
    fc.constantFrom(...GLOBAL_OPTIONS.filter((option) => option.name !== 'output').map((option) => `--${option.name}`)),
    fc.constantFrom('team.yaml', '-f', '--', 'evt_1', 'Team', 'bash', 'nowhere'),
    fc.string({ maxLength: 8 }),
  )
  const quiet = {
    quickstart: async () => ({ runQuickstart: async () => 0 }),
    server: async () => assert.fail('no server is started here'),
  }
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 5 }), async (words) => {
      if (['serve', 'migrate', 'quickstart', 'tail', 'exchange'].some((command) => words.includes(command))) return
      const result = await runLine(['-o', 'json', '--socket', socketPath, ...words], { cwd: directory, modules: quiet })
      assert.ok([0, 1, 2, 3, 4, 5].includes(result.exit))
      assert.doesNotMatch(result.stderr, /\n {4}at /)
      assert.doesNotMatch(result.stderr, /\(unexpected\)/)
      if (!/^(usage|[a-z].*\n\nusage|countersign:|Flags)/.test(result.stdout)) JSON.parse(result.stdout)
    }),
    { numRuns: 300 },
  )
})

test('help: the whole, a noun, a command, the shared flags', async () => {
  for (const [name, line] of [
    ['help', ['help']],
    ['help-exchange', ['exchange', '--help']],
    ['help-trust-policies', ['trust-policies', '-h']],
    ['help-flags', ['help', 'flags']],
  ] as const) {
    const result = await runLine(line)
    assert.equal(result.exit, 0)
    assert.equal(result.stderr, '')
    assertGolden(name, result.stdout)
  }
  assert.deepEqual(await runLine([]), await runLine(['--help']))
  assert.equal((await runLine(['help', 'exchnage'])).exit, 2)
  assert.equal((await runLine(['explain', '--nonsense', '--help'])).exit, 0, 'help comes before other faults')
})
