import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { isCountersignError } from '../errors.ts'
import type { JsonObject } from '../jws/index.ts'
import { ALGORITHMS, type Algorithm } from '../keys/index.ts'
import { encode, makeKey, signText, signToken } from '../signed-tokens.fixture.ts'
import { verifyJws } from './verify-jws.ts'

const ALL = Object.keys(ALGORITHMS) as Algorithm[]
const rsa = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')

test('returns the bytes of a payload that need not be JSON, for every algorithm', async () => {
  for (const alg of ALL) {
    const key = makeKey(alg, alg)
    for (const payload of [Buffer.alloc(0), Buffer.from([0, 255, 10]), Buffer.from('{"a":1,"a":2}')]) {
      const result = await verifyJws(signToken(key, payload), key.jwk, { algorithms: [alg] })
      assert.deepEqual(Buffer.from(result.payload), payload)
      assert.equal(result.header.alg, alg)
    }
  }
})

test('verifies the ES256 example of RFC 7515 appendix A.3', async () => {
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
    y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  }
  const jws =
    'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'
  const { payload } = await verifyJws(jws, jwk, { algorithms: ['ES256'] })
  assert.match(Buffer.from(payload).toString(), /"iss":"joe"/)
  await assert.rejects(verifyJws(`${jws.slice(0, -1)}R`, jwk, { algorithms: ['ES256'] }), { code: 'token_malformed' })
})

test('V-05, V-06: refuses algorithms that are not allowed, HMAC under the public key, and another algorithm of the key', async () => {
  const token = signToken(rsa, 'x')
  await assert.rejects(verifyJws(token, rsa.jwk, { algorithms: ['ES256'] }), { code: 'algorithm_refused' })
  await assert.rejects(verifyJws(token, { ...rsa.jwk, alg: 'PS256' }, { algorithms: ALL }), {
    code: 'algorithm_refused',
  })
  await assert.rejects(verifyJws(token, ec.jwk, { algorithms: ALL }), { code: 'algorithm_refused' })
  for (const algorithms of [[], ['none'], ['HS256'], ['RS256', 'HS256'], undefined]) {
    await assert.rejects(verifyJws(token, rsa.jwk, { algorithms } as never), { code: 'configuration_invalid' })
  }
  await assert.rejects(verifyJws(token, rsa.jwk, undefined as never), { code: 'configuration_invalid' })
  for (const alg of ['none', 'None', 'nONE', 'HS256']) {
    const input = `${encode({ alg })}.${encode('x')}`
    const mac = createHmac('sha256', JSON.stringify(rsa.jwk)).update(input).digest('base64url')
    await assert.rejects(verifyJws(`${input}.${mac}`, rsa.jwk, { algorithms: ALL }), { code: 'algorithm_refused' })
  }
})

test('V-09, V-10: refuses private, symmetric, weak and misused keys, and what is no key', async () => {
  const token = signToken(ec, 'x')
  const oct = { kty: 'oct', k: encode('secret'), alg: 'HS256' }
  for (const jwk of [
    ec.privateKey.export({ format: 'jwk' }),
    oct,
    { ...ec.jwk, use: 'enc' },
    { ...ec.jwk, key_ops: ['sign'] },
    { ...ec.jwk, x: ec.jwk['y'] },
    makeKey('RS256', 'r', 1024).jwk,
    {},
    [],
    null,
    undefined,
    'x',
    { toJSON: () => null },
  ]) {
    await assert.rejects(verifyJws(token, jwk as JsonObject, { algorithms: ALL }), { code: 'key_invalid' })
  }
})

test('a key that the caller changes between two calls is read again', async () => {
  const mutable = { ...ec.jwk }
  const token = signToken(ec, 'x')
  await verifyJws(token, mutable, { algorithms: ['ES256'] })
  Object.assign(mutable, makeKey('ES256', 'other').jwk)
  await assert.rejects(verifyJws(token, mutable, { algorithms: ['ES256'] }), { code: 'signature_invalid' })
})

test('V-11: refuses psychic and malleated signatures of each curve', async () => {
  for (const alg of ['ES256', 'ES384', 'ES512'] as const) {
    const key = makeKey(alg, alg)
    const input = `${encode({ alg })}.${encode('x')}`
    const good = signText(key, input)
    const options = { algorithms: [alg] }
    await verifyJws(`${input}.${good.toString('base64url')}`, key.jwk, options)
    const half = good.length / 2
    const zeroR = Buffer.from(good).fill(0, 0, half)
    const zeroS = Buffer.from(good).fill(0, half)
    const swapped = Buffer.concat([good.subarray(half), good.subarray(0, half)])
    const wide = Buffer.concat([Buffer.alloc(1), good.subarray(0, half), Buffer.alloc(1), good.subarray(half)])
    for (const bad of [
      Buffer.alloc(good.length),
      zeroR,
      zeroS,
      swapped,
      wide,
      good.subarray(0, -1),
      Buffer.from(good).fill(255),
    ]) {
      const token = `${input}.${bad.toString('base64url')}`
      await assert.rejects(verifyJws(token, key.jwk, options), (error) =>
        isCountersignError(error, 'signature_invalid'),
      )
    }
  }
})

test('V-01 to V-04, V-08, V-12: the header is read as strictly as a token’s', async () => {
  const cases: [unknown, string][] = [
    ['{"alg":"ES256","alg":"ES256"}', 'token_malformed'],
    ['{"alg":"ES256","kid":"a","k\\u0069d":"b"}', 'token_malformed'],
    ['{"alg":"none","alg":"ES256"}', 'token_malformed'],
    ['\ufeff{"alg":"ES256"}', 'token_malformed'],
    [{ crit: ['b64'], b64: false }, 'token_unsupported'],
    [{ crit: ['http://example.invalid/UNDEFINED'] }, 'token_unsupported'],
    [{ jwk: ec.jwk }, 'token_unsupported'],
  ]
  for (const [header, code] of cases) {
    await assert.rejects(verifyJws(signToken(ec, 'x', header), ec.jwk, { algorithms: ['ES256'] }), { code })
  }
})
