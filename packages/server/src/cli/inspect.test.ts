import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { decodeToken } from './decode-token.ts'
import { DENIED } from './testing/explanations.ts'
import { type LineOptions, runLine } from './testing/run-line.ts'
import { problem, type StandInApi, startStandInApi } from './testing/stand-in-api.ts'
import { makeToken } from './testing/tokens.ts'

const cwd = mkdtempSync(join(tmpdir(), 'cs-cli-'))
const NOW = new Date('2026-11-24T09:04:07Z')
const seconds = NOW.getTime() / 1000
const CLAIMS = {
  iss: 'https://issuer.example',
  sub: 'repo:acme/orders',
  aud: 'https://sts.acme.example',
  iat: seconds - 10,
  exp: seconds + 290,
}
const { id: _id, at: _at, caller_saw: _saw, service: _service, took_microseconds: _took, ...VERDICT } = DENIED
let api: StandInApi

beforeEach(async () => {
  await api?.close()
  api = await startStandInApi()
})
after(async () => {
  await api.close()
  rmSync(cwd, { recursive: true, force: true })
})

/** Inspects a token from stdin and asserts T29: neither the token nor its signature is printed. */
async function inspect(token: string, more: readonly string[] = [], options: LineOptions = {}) {
  const result = await runLine(['inspect', '--server', api.url, ...more], {
    cwd,
    stdin: `${token}\n`,
    now: () => NOW,
    ...options,
  })
  const signature = token.split('.')[2] ?? ''
  for (const secret of [token, ...(signature.length > 20 ? [signature] : [])]) {
    assert.ok(!result.stdout.includes(secret) && !result.stderr.includes(secret))
  }
  return result
}

const WRONG: readonly (readonly [string, string, RegExp])[] = [
  ['no JWT at all', 'not-a-token', /it has 1 part where a JWT has three/],
  ['two parts', 'aaaa.bbbb', /it has 2 parts/],
  ['an encrypted token', 'a.b.c.d.e', /encrypted \(JWE/],
  ['a header that is no JSON', 'e30x.e30.AAAA', /header is not/],
  [
    'a payload that is an array',
    `${Buffer.from('{}').toString('base64url')}.${Buffer.from('[]').toString('base64url')}.AAAA`,
    /payload is not/,
  ],
  ['padding', 'e30=.e30=.AAAA', /header is not/],
]

for (const [what, token, message] of WRONG) {
  test(`${what} is exit 2 with the reason, and is sent nowhere`, async () => {
    const result = await inspect(token)
    assert.equal(result.exit, 2)
    assert.match(result.stderr, message)
    assert.equal(api.requests.length, 0)
  })
}

const REMARKS: readonly (readonly [
  string,
  Readonly<Record<string, unknown>>,
  Readonly<Record<string, unknown>>,
  RegExp,
])[] = [
  ['alg none', CLAIMS, { alg: 'none' }, /not signed \(alg none\)/],
  ['alg nOnE', CLAIMS, { alg: 'nOnE' }, /not signed/],
  ['a shared secret', CLAIMS, { alg: 'HS256' }, /shared secret/],
  ['critical extensions', CLAIMS, { crit: ['exp'] }, /critical extensions/],
  ['expiry in the past', { ...CLAIMS, exp: seconds - 75 }, {}, /it expired 1 min 15 s ago/],
  ['exp as text', { ...CLAIMS, exp: String(seconds) }, {}, /exp is not a number/],
  ['nbf in the future', { ...CLAIMS, nbf: seconds + 3700 }, {}, /valid only in 1 h 1 min/],
  ['iat in the future', { ...CLAIMS, iat: seconds + 90 }, {}, /in the future: compare the clocks/],
  ['no audience', { ...CLAIMS, aud: undefined }, {}, /claim aud is missing/],
]

for (const [what, claims, header, message] of REMARKS) {
  test(`offline, ${what} is named and exit 1`, async () => {
    const result = await inspect(makeToken(claims, header), ['--offline'])
    assert.equal(result.exit, 1)
    assert.match(result.stdout, message)
    assert.equal(api.requests.length, 0)
  })
}

test('a key that the header brings is named as never used', async () => {
  for (const name of ['jku', 'jwk', 'x5u', 'x5c']) {
    assert.match(
      (await inspect(makeToken(CLAIMS, { [name]: 'https://evil.example' }), ['--offline'])).stdout,
      new RegExp(`\\(${name}\\); it is never used`),
    )
  }
})

test('decoding alone says that the signature is not verified, and is a yes only with --offline', async () => {
  const offline = await inspect(makeToken(CLAIMS), ['--offline'])
  assert.equal(offline.exit, 0)
  assert.match(offline.stdout, /signature NOT verified/)
  const unreachable = await runLine(['inspect', '--server', 'http://127.0.0.1:9', '--timeout', '200ms'], {
    stdin: makeToken(CLAIMS),
    now: () => NOW,
  })
  assert.equal(unreachable.exit, 3)
  assert.match(unreachable.stdout, /signature NOT verified/)
  assert.match(unreachable.stderr, /the server was not asked/)
  const json = JSON.parse((await inspect(makeToken(CLAIMS), ['--offline', '-o', 'json'])).stdout)
  assert.deepEqual([json.signature, json.verdict, json.claims.sub], ['not verified', null, 'repo:acme/orders'])
})

test('the verdict of the server decides: denied is exit 1, with the policies it would match', async () => {
  api.answer('POST /v1/inspect', { body: VERDICT })
  const token = makeToken(CLAIMS)
  const result = await inspect(token, ['--no-color'], { terminal: undefined as never })
  assert.equal(result.exit, 1)
  assert.match(result.stdout, /^DENIED {2}environment is missing/)
  assert.match(result.stdout, /NEAREST POLICY deploy-orders/)
  assert.doesNotMatch(result.stdout, /caller saw|evt_01jz8m2q4c6e8g0j2m4p6r8t0v {2}/)
  assert.equal(JSON.parse(api.requests[0]?.body ?? '').token, token)
  api.answer('POST /v1/inspect', { body: { ...VERDICT, outcome: 'allowed' } })
  assert.equal((await inspect(token)).exit, 0)
  api.answer('POST /v1/inspect', { body: {} })
  assert.equal((await inspect(token)).exit, 1, 'an answer that says nothing is no yes')
})

test('without permission it is exit 4, as everywhere', async () => {
  api.answer('POST /v1/inspect', problem(403, 'forbidden', { scope: 'proofs:inspect' }))
  const result = await inspect(makeToken(CLAIMS))
  assert.equal(result.exit, 4)
})

test('the token comes from a file or stdin, never from the line or a terminal', async () => {
  writeFileSync(join(cwd, 'token'), makeToken(CLAIMS))
  assert.equal((await runLine(['inspect', 'token', '--offline'], { cwd, now: () => NOW })).exit, 0)
  assert.equal((await runLine(['inspect', '--offline'], { terminal: 80, stdin: makeToken(CLAIMS) })).exit, 2)
  const onTheLine = makeToken(CLAIMS)
  for (const line of [
    ['inspect', onTheLine],
    ['inspect', '--token-file', onTheLine, '--server', api.url, 'token'],
    ['exchange', '--audience', 'x', '--proof-file', onTheLine, '--server', api.url],
    [onTheLine],
    ['help', onTheLine],
    ['audit', onTheLine],
  ]) {
    const result = await runLine([...line, '-v'], { cwd })
    assert.equal(result.exit, 2, result.stderr)
    assert.ok(!result.stderr.includes(onTheLine.split('.')[1] ?? ''), 'T29')
  }
})

test('property: decoding never throws, and a reason never quotes the token', () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.base64String(),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      const decoded = decodeToken(parts.join('.'), NOW)
      if ('malformed' in decoded)
        for (const text of parts) if (text.length > 8) assert.ok(!decoded.malformed.includes(text))
    }),
    { numRuns: 2_000 },
  )
})
