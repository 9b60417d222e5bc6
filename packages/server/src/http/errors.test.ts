import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CountersignError } from '@countersign/sdk'
import { Hono } from 'hono'
import { ERRORS, type ErrorCode, ServiceError } from '../errors.ts'
import { describeError, logFailure, oauthError, problemResponse, toServiceError } from './errors.ts'

const codes = Object.keys(ERRORS) as ErrorCode[]
const problemContext = { issuer: 'https://sts.acme.example/', requestId: 'req_1' }

async function oauth(error: ErrorCode | ServiceError, errorId?: string): Promise<Response> {
  const app = new Hono().get('/', (c) => oauthError(c, error, errorId === undefined ? {} : { errorId }))
  return app.request('/')
}

describe('OAuth errors (RFC 6749 section 5.2)', () => {
  for (const code of codes) {
    test(`${code} is rendered with its status, an OAuth code and no-store`, async () => {
      const response = await oauth(code, 'evt_1')
      assert.equal(response.status, ERRORS[code].status)
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.equal(response.headers.get('pragma'), 'no-cache')
      assert.equal(response.headers.has('retry-after'), [429, 503].includes(response.status))
      const body = (await response.json()) as Record<string, string>
      assert.deepEqual(Object.keys(body), ['error', 'error_description', 'error_id'])
      assert.match(body.error ?? '', /^[a-z_]+$/)
      assert.match(body.error_description ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
      assert.ok(body.error_description?.includes('evt_1'))
    })
  }
  test('codes that refuse a proof or a grant cannot be told apart within one OAuth code (design section 5)', async () => {
    const refusals = codes.filter((code) =>
      /^(proof_|unknown_audience|no_matching|ambiguous|dangerous|policy_expired|outside|replayed|scope_not)/.test(code),
    )
    const texts = new Map<string, Set<string>>()
    for (const code of refusals) {
      const text = await (await oauth(new ServiceError(code, { detail: 'canary', internal: 'canary' }), 'evt_1')).text()
      assert.ok(!text.includes('canary'))
      const { error } = JSON.parse(text) as { error: string }
      texts.set(error, (texts.get(error) ?? new Set()).add(text))
    }
    for (const [error, variants] of texts) assert.equal(variants.size, 1, error)
    assert.ok(refusals.length >= 15)
  })
  test('what is wrong with the form is said, in characters that RFC 6749 allows', async () => {
    const response = await oauth(
      new ServiceError('invalid_request', { detail: 'scope holds "a"\\\r\nSet-Cookie: x\u00e9' }),
    )
    const { error_description: text } = (await response.json()) as { error_description: string }
    assert.equal(text, "The request is malformed: scope holds 'a'???Set-Cookie: x?")
  })
  test('internal text never leaves', async () => {
    for (const code of codes) {
      const error = new ServiceError(code, { internal: 'canary', cause: new Error('canary') })
      assert.ok(!(await (await oauth(error)).text()).includes('canary'))
      assert.ok(!(await problemResponse(error, problemContext).text()).includes('canary'))
    }
  })
})

describe('problems (RFC 9457)', () => {
  test('every code has all members of the seam', async () => {
    for (const code of codes) {
      const response = problemResponse(new ServiceError(code), problemContext)
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
      assert.deepEqual(await response.json(), {
        type: `https://sts.acme.example/docs/errors#${code}`,
        title: ERRORS[code].title,
        status: ERRORS[code].status,
        instance: 'urn:countersign:request:req_1',
        code,
        request_id: 'req_1',
        fix: ERRORS[code].fix,
      })
    }
  })
  test('faults are listed with pointer, code, detail and fix', async () => {
    const problems = [{ pointer: '/a', code: 'x', detail: 'wrong', fix: 'right' }]
    const body = await problemResponse(new ServiceError('validation_failed', { problems }), problemContext).json()
    assert.deepEqual((body as { errors: unknown }).errors, problems)
  })
})

describe('failures in the log', () => {
  const log = (error: unknown) => {
    const lines: unknown[] = []
    logFailure({ error: (fields, message) => lines.push({ ...fields, message }) }, toServiceError(error), 'req_1')
    return lines
  }
  test('an unknown error is logged with its frames, without its message and that of its causes', () => {
    const error = new SyntaxError('Unexpected token "eyJhbGciOi" canary', { cause: new AggregateError([], 'canary') })
    const line = JSON.stringify(log(error))
    assert.ok(!line.includes('canary') && !line.includes('eyJ'))
    assert.match(line, /SyntaxError/)
    assert.match(line, /errors\.test\.ts/)
    assert.match(line, /req_1/)
  })
  test('a message of several lines does not pass as frames', () => {
    const error = new Error('first\n    canary line\n    at canary (/canary.ts:1:1)\nlast')
    assert.ok(!JSON.stringify(log(error)).includes('canary'))
  })
  test('members of a foreign error, such as the row in one of PostgreSQL, are not written (T29)', () => {
    const error = Object.assign(new Error('violates check'), {
      code: '23514',
      detail: 'Failing row contains (canary).',
      where: 'canary',
      parameters: ['canary'],
      cause: Object.assign(new Error('canary'), { detail: 'canary' }),
    })
    const line = JSON.stringify(describeError(error))
    assert.ok(!line.includes('canary') && !line.includes('violates'))
    assert.match(line, /23514/)
  })
  test('the internal reason of our own errors, and the fixed words of the SDK, are', () => {
    assert.match(JSON.stringify(describeError(new ServiceError('store_unavailable', { internal: 'no key' }))), /no key/)
    const refused = new CountersignError('address_refused', { cause: new Error('canary') })
    const line = JSON.stringify(describeError(refused))
    assert.ok(line.includes(refused.message) && !line.includes('canary'))
  })
  test('a name or code that holds text of the input is not written', () => {
    const error = Object.assign(new Error('x'), { name: 'canary\n', code: 'canary code' })
    assert.ok(!JSON.stringify(log(error)).includes('canary'))
  })
  test('thrown values that are no errors are survived', () => {
    for (const thrown of ['canary', 7, null, { message: 'canary' }, undefined]) {
      const lines = log(thrown)
      assert.equal(lines.length, 1)
      assert.ok(!JSON.stringify(lines).includes('canary'))
    }
  })
  test('refusals are not failures', () => {
    assert.deepEqual(log(new ServiceError('forbidden')), [])
  })
})
