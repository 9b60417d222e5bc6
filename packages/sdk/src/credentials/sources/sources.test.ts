import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CountersignError } from '../../errors.ts'
import { startStandIn } from '../stand-in-server.fixture.ts'
import {
  callbackSource,
  fileSource,
  findProof,
  githubSource,
  kubernetesSource,
  PROOF_SOURCES,
  type ProofRequest,
  type ProofSource,
} from './index.ts'

const directory = mkdtempSync(join(tmpdir(), 'cs-proof-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const secret = () => randomBytes(24).toString('base64url')
const REQUEST: ProofRequest = {
  audience: async () => 'https://sts.acme.example',
  fetch,
  signal: new AbortController().signal,
}

/** What a source answers, or the code and message that it fails with; asserts T29 on the message. */
async function ask(source: ProofSource, canaries: readonly string[] = [], request = REQUEST) {
  try {
    return { proof: await findProof([source], request) }
  } catch (error) {
    assert.ok(error instanceof CountersignError, String(error))
    const shown = `${error.message} ${JSON.stringify(error)} ${error.stack}`
    for (const canary of canaries) assert.ok(!shown.includes(canary), `the error holds a secret: ${error.code}`)
    assert.match(error.message, /^[\x20-\x7e]*$/)
    return { code: error.code, message: error.message }
  }
}

function fileWith(content: string | Uint8Array): string {
  const path = join(directory, secret())
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

test('without any source that applies, the error names each and why', async () => {
  const nothing = { env: {} }
  const sources = [
    githubSource(nothing),
    fileSource(nothing),
    kubernetesSource(),
    callbackSource(async () => undefined, { name: 'metadata' }),
  ]
  await assert.rejects(findProof(sources, REQUEST), {
    code: 'no_proof',
    message:
      'no proof of where this runs was found: ' +
      'github: ACTIONS_ID_TOKEN_REQUEST_URL not set: this is no GitHub Actions job; ' +
      'file: COUNTERSIGN_PROOF_FILE not set; ' +
      'kubernetes: no file /var/run/secrets/countersign/token: mount a projected serviceAccountToken there, or name it in COUNTERSIGN_PROOF_FILE; ' +
      'metadata: it returned nothing',
  })
  await assert.rejects(findProof([], REQUEST), { code: 'no_proof' })
})

test('a GitHub job without the permission is told so', async () => {
  for (const env of [{}, { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://runner.example/' }]) {
    const { message } = await ask(githubSource({ env: { GITHUB_ACTIONS: 'true', ...env } }))
    assert.match(
      message ?? '',
      /not set: the job lacks "permissions: id-token: write", or the run is a fork pull request/,
    )
  }
})

const BAD_ADDRESSES = [
  'http://runner.example/token',
  'http://127.0.0.1.evil.example/token',
  'http://2130706433.evil.example/',
  'ftp://runner.example/',
  'file:///etc/passwd',
  'https://user:pass@runner.example/',
  'runner.example',
  'javascript:0',
]

for (const address of BAD_ADDRESSES) {
  test(`the request token of the runner is not sent to ${address}`, async () => {
    const token = secret()
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: address, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token }
    let sent = 0
    const counting: typeof fetch = async () => {
      sent++
      return new Response()
    }
    assert.equal((await ask(githubSource({ env }), [token], { ...REQUEST, fetch: counting })).code, 'proof_invalid')
    assert.equal(sent, 0)
  })
}

test('GitHub: a request token that would add a header is refused', async () => {
  const env = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://runner.example/', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'a\r\nx: y' }
  assert.equal((await ask(githubSource({ env }))).code, 'proof_invalid')
})

test('GitHub: answers that are no proof fail, without a word of them; a redirect is not followed', async (t) => {
  const server = await startStandIn(t)
  const stranger = await startStandIn(t)
  const token = secret()
  const canary = secret()
  const env = { ACTIONS_ID_TOKEN_REQUEST_URL: `${server.url}/token`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token }
  for (const answer of [
    { status: 401, body: { message: canary } },
    { status: 500, body: canary },
    { status: 302, body: '', headers: { location: `${stranger.url}/${canary}` } },
    { body: canary },
    { body: { value: '' } },
    { body: { value: 7 } },
    { body: { value: `${canary}\nx` } },
    { body: { value: canary.repeat(1000) } },
    { body: { value: 'a'.repeat(1_000_000) } },
    { body: `{"value":"a","value":"${canary}"}` },
  ]) {
    server.answer('/token', answer)
    const { code } = await ask(githubSource({ env }), [token, canary])
    assert.equal(code, 'proof_unavailable')
  }
  assert.equal(stranger.requests.length, 0)
})

test('GitHub: asks for the audience, keeps the query of the runner, and returns a new proof each time', async (t) => {
  const server = await startStandIn(t)
  const [first, second, token] = [secret(), secret(), secret()]
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${server.url}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
  }
  const urls: string[] = []
  const recording: typeof fetch = (input, init) => {
    urls.push(String(input))
    return fetch(input, init)
  }
  server.answer('/token', { body: { count: 1, value: first } }, { body: { count: 1, value: second } })
  const source = githubSource({ env })
  for (const proof of [first, second]) {
    assert.deepEqual(await ask(source, [], { ...REQUEST, fetch: recording }), { proof })
  }
  const { searchParams } = new URL(urls[0] ?? '')
  assert.deepEqual([searchParams.get('api-version'), searchParams.get('audience')], ['2.0', 'https://sts.acme.example'])
  assert.equal(server.requests[0]?.headers.authorization, `bearer ${token}`)
})

const BAD_FILES: readonly (readonly [string, string | Uint8Array])[] = [
  ['nothing', ''],
  ['a line break only', '\n'],
  ['two lines', 'abc\nX-Evil: 1'],
  ['a null byte', 'abc\0'],
  ['a space', 'abc def'],
  ['UTF-8', 'abcé'],
  ['other bytes', new Uint8Array([0xff, 0xfe, 0x61])],
  ['more than 16 KiB', 'a'.repeat(16_385)],
  ['a megabyte', 'a'.repeat(1_000_000)],
]

for (const [what, content] of BAD_FILES) {
  test(`a file with ${what} is proof_invalid, and its content is in no error`, async () => {
    const path = fileWith(content)
    const canaries = String(content).length > 4 ? [String(content).slice(0, 500)] : []
    for (const source of [
      fileSource({ path }),
      fileSource({ env: { COUNTERSIGN_PROOF_FILE: path } }),
      kubernetesSource({ path }),
    ]) {
      assert.equal((await ask(source, canaries)).code, 'proof_invalid')
    }
  })
}

test('what is no file is refused and not waited for: a pipe, a directory, an endless device', async () => {
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  for (const path of [pipe, directory, '/dev/zero']) {
    assert.equal((await ask(fileSource({ path }))).code, 'proof_invalid')
  }
})

test('a named file that is missing is an error and no reason to look elsewhere', async () => {
  const path = join(directory, 'missing')
  const env = { COUNTERSIGN_PROOF_FILE: path }
  for (const source of [
    fileSource({ path }),
    fileSource({ env }),
    kubernetesSource({ path, namedBy: 'COUNTERSIGN_PROOF_FILE' }),
  ]) {
    const next = callbackSource(async () => 'another-identity')
    await assert.rejects(findProof([source, next], REQUEST), {
      code: 'proof_invalid',
      message: /missing cannot be read \(ENOENT\)/,
    })
  }
})

test('T29: a proof given where its path belongs is in no error', async () => {
  const proof = `${secret()}.${secret()}.${secret()}`
  for (const path of [proof, 'a'.repeat(2000)]) {
    const { code } = await ask(fileSource({ env: { COUNTERSIGN_PROOF_FILE: path } }), [path])
    assert.equal(code, 'proof_invalid')
  }
})

test('a file is read anew each time, up to 16 KiB and a line end', async () => {
  const path = fileWith('first\n')
  const source = fileSource({ path })
  assert.deepEqual(await ask(source), { proof: 'first' })
  const longest = 'a'.repeat(16_384)
  writeFileSync(path, `${longest}\r\n`)
  assert.deepEqual(await ask(source), { proof: longest })
})

test('the callback of an application: what it gets, and what it must not return or throw', async () => {
  const canary = secret()
  const failing = callbackSource(async () => {
    throw new Error(canary)
  })
  assert.equal((await ask(failing, [canary])).code, 'proof_unavailable')
  for (const bad of ['', 'a b', `${canary}\n`, 'a'.repeat(20_000), 7 as unknown as string]) {
    assert.equal(
      (
        await ask(
          callbackSource(async () => bad),
          [canary],
        )
      ).code,
      'proof_invalid',
    )
  }
  const audience = callbackSource(async (request) => `for-${new URL(await request.audience()).hostname}`)
  assert.deepEqual(await ask(audience), { proof: 'for-sts.acme.example' })
  const loud: ProofSource = { name: 'x', find: async () => ({ skipped: `line\u001b[2J\nbreak ${'a'.repeat(5000)}` }) }
  assert.ok(((await ask(loud)).message ?? '').length < 2100)
})

test('a source that ignores its signal does not hold the caller', async () => {
  const reason = new CountersignError('proof_unavailable')
  const stuck = callbackSource(() => new Promise(() => undefined))
  await assert.rejects(findProof([stuck], { ...REQUEST, signal: AbortSignal.abort(reason) }), reason)
})

test('the list is data for documentation: names, presets and variables occur once', () => {
  const names = PROOF_SOURCES.map(({ name }) => name)
  const variables = PROOF_SOURCES.flatMap((kind) => kind.variables.map(({ name }) => name))
  const presets = PROOF_SOURCES.flatMap((kind) => kind.presets)
  for (const list of [names, variables, presets]) assert.equal(new Set(list).size, list.length)
  for (const kind of PROOF_SOURCES) assert.equal(kind.create().name, kind.name)
})
