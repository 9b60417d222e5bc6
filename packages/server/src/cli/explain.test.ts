import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { displayWidth } from './terminal/index.ts'
import { DENIED } from './testing/explanations.ts'
import { assertGolden } from './testing/golden.ts'
import { runLine } from './testing/run-line.ts'
import { problem, type StandInApi, startStandInApi } from './testing/stand-in-api.ts'

let api: StandInApi
const route = `GET /v1/events/${DENIED.id}/explanation`
const explain = (...more: readonly string[]) => ['explain', DENIED.id, '--server', api.url, ...more]

before(async () => {
  api = await startStandInApi()
})
after(() => api.close())

test('an event that does not exist is exit 1 and says so', async () => {
  api.answer(route, problem(404, 'not_found'))
  const result = await runLine(explain())
  assert.equal(result.exit, 1)
  assert.match(result.stderr, /^error: there is no such resource \(not_found\)/)
  assert.equal(result.stdout, '')
})

test('a denial is explained claim by claim, at any width and without a terminal', async () => {
  api.answer(route, { body: DENIED })
  const piped = await runLine(explain())
  assert.equal(piped.exit, 0)
  assertGolden('explain-piped', piped.stdout)
  for (const columns of [60, 100]) {
    const { stdout } = await runLine(explain('--no-color'), { terminal: columns })
    assertGolden(`explain-${columns}`, stdout)
    for (const line of stdout.split('\n')) assert.ok(displayWidth(line) <= columns, `${columns}: ${line}`)
  }
})

test('absent, of the wrong type and different are three words, and nothing compared is cut', async () => {
  api.answer(route, { body: DENIED })
  for (const terminal of [40, 60, 100]) {
    const { stdout } = await runLine(explain('--no-color'), { terminal })
    for (const word of ['X', 'missing', '(absent)', 'type', 'differs']) assert.ok(stdout.includes(word), word)
    assert.ok(!stdout.includes('…'))
  }
})

test('the JSON is the document of the API', async () => {
  api.answer(route, { body: DENIED })
  assert.deepEqual(JSON.parse((await runLine(explain('-o', 'json'))).stdout), DENIED)
})

test('an allowed exchange is explained too, and claims that are gone are said to be gone', async () => {
  const [nearest] = DENIED.policies
  const conditions = nearest?.conditions.map((condition) => ({ ...(condition as object), outcome: 'ok' }))
  const allowed = {
    ...DENIED,
    outcome: 'allowed',
    headline: 'deploy-orders grants orders:deploy',
    caller_saw: { status: 200, error: '' },
    policies: [{ ...nearest, conditions, failing: 0 }],
    fixes: [],
    claims: null,
    notes: [],
  }
  api.answer(route, { body: allowed })
  const { stdout } = await runLine(explain())
  assert.match(stdout, /^ALLOWED {2}deploy-orders grants orders:deploy/)
  assert.match(stdout, /POLICY deploy-orders {2}rev 14 {2}\(0 of 6 conditions fail\)/)
  assert.match(stdout, /CLAIMS {2}not kept/)
  assert.doesNotMatch(stdout, /FIX/)
})

test('an explanation of another version, with members missing or of other types, is printed as far as it goes', async () => {
  for (const body of [
    {},
    { outcome: 7, steps: 'no', policies: [null, 4, {}], fixes: [{}], claims: 'x', notes: null },
    [],
    null,
  ]) {
    api.answer(route, { body })
    const result = await runLine(explain(), { terminal: 60 })
    assert.equal(result.exit, 0, JSON.stringify(body))
    assert.match(result.stdout, /DENIED/)
  }
})

test('A-12: claims that hold control characters cannot act, and cannot forge a line', async () => {
  const condition = {
    claim: 'ref',
    operator: 'constructor',
    expected: 'main',
    actual: 'x\u001b[2K\r\nALLOWED',
    outcome: '__proto__',
  }
  api.answer(route, {
    body: { ...DENIED, headline: 'a\nb', policies: [{ ...DENIED.policies[0], conditions: [condition] }] },
  })
  const { stdout } = await runLine(explain())
  assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}]/u)
  assert.doesNotMatch(stdout, /^ *ALLOWED/m)
})
