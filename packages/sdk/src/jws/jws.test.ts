import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCountersignError } from '../errors.ts'
import { decodeBase64url } from './base64url.ts'
import { parseCompactJws } from './compact.ts'
import { normalizeType } from './header.ts'
import { type JsonObject, parseStrictJsonObject } from './json.ts'

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const payload = encode({ iss: 'https://issuer.example' })
const token = (header: unknown, signature = 'c2ln') => `${encode(header)}.${payload}.${signature}`
const json = (text: string | Buffer) => parseStrictJsonObject(Buffer.from(text as string))

function refuses(run: () => unknown, code: string): void {
  assert.throws(run, (error) => isCountersignError(error) && error.code === code)
}

test('V-01: refuses everything that is not three base64url segments', () => {
  const good = token({ alg: 'ES256' })
  const [header = '', body = '', signature = ''] = good.split('.')
  for (const bad of [
    '',
    '.',
    '..',
    '...',
    'a',
    header,
    `${header}.${body}`,
    `${good}.`,
    `.${good}`,
    `.${body}.${signature}`,
    ` ${good}`,
    `${good}\n`,
    `Bearer ${good}`,
    `${header} .${body}.${signature}`,
    `${header}.${body.slice(0, 4)} ${body.slice(4)}.${signature}`,
    `${header}.${body}.${signature}=`,
    `${header}.${body}.+/+/`,
    `${header}.${body}.c2l\u0430`,
    `${header}.${body}.c2l\u0000`,
    JSON.stringify({ payload: body, signatures: [{ protected: header, signature }] }),
    JSON.stringify({ payload: body, protected: header, signature }),
  ]) {
    refuses(() => parseCompactJws(bad), 'token_malformed')
  }
  for (const bad of [undefined, null, 1, {}, [good], Buffer.from(good), new String(good)]) {
    refuses(() => parseCompactJws(bad as string), 'token_malformed')
  }
})

test('V-02: refuses base64url with padding, impossible lengths and stray low bits', () => {
  for (const bad of ['A', 'AAAAA', 'AA==', 'AB', 'A_', 'AAB', 'AA-', 'A A', 'AA\n', 'AA+/', 'ÄÖ', '\ud800']) {
    assert.equal(decodeBase64url(bad), undefined, bad)
  }
  assert.deepEqual(decodeBase64url('AA'), Buffer.from([0]))
  assert.deepEqual(decodeBase64url(''), Buffer.alloc(0))
})

test('V-02: base64url text has one spelling per value', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const bytes = decodeBase64url(text)
      return bytes === undefined || bytes.toString('base64url') === text
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString('base64url')
      return decodeBase64url(text)?.equals(bytes) === true
    }),
  )
})

test('V-03: refuses tokens over 16 KiB, headers over 4 KiB and JSON deeper than 16', () => {
  refuses(() => parseCompactJws(`${encode({ alg: 'ES256' })}.${'A'.repeat(1_000_000)}.c2ln`), 'token_too_large')
  refuses(() => parseCompactJws('.'.repeat(16_385)), 'token_too_large')
  refuses(() => parseCompactJws(token({ alg: 'ES256', x: 'a'.repeat(4096) })), 'token_too_large')
  refuses(() => json(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`), 'token_too_large')
  refuses(() => json(`{"a":${'['.repeat(16)}${']'.repeat(16)}}`), 'token_too_large')
  refuses(() => json(`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`), 'token_too_large')
  refuses(() => parseCompactJws(token(`{"alg":"ES256","x":${'['.repeat(100)}${']'.repeat(100)}}`)), 'token_too_large')
  assert.ok(json(`{"a":${'['.repeat(15)}${']'.repeat(15)}}`))
  // Brackets in strings, and many shallow ones, are no depth.
  assert.ok(json(JSON.stringify({ a: '['.repeat(500), b: '\\"{{{{', c: Array.from({ length: 40 }, () => ({})) })))
})

test('V-04: refuses duplicate members at any depth, however they are written', () => {
  for (const bad of [
    '{"a":1,"a":1}',
    '{"a":1,"b":2,"a":3}',
    '{"a":1,"\\u0061":2}',
    '{"\\u0061":1,"a":2}',
    '{"a":{"b":1,"b":1}}',
    '{"a":[{"b":1},{"c":1,"c":2}]}',
    '{ "a" : 1 , "a" : 2 }',
    '{"a":{"x":1},"a":{"x":1}}',
    '{"":1,"":2}',
    '{"a\\"":1,"a\\"":2}',
    '{"a":"\\\\","a":1}',
    '{"1":1,"0":2,"1":3}',
    '{"a":"}","a":"{"}',
    '{"iss":"a","is\\u0073":"b"}',
    '{"a":null,"a"\n:\tnull}',
  ]) {
    refuses(() => json(bad), 'token_malformed')
    refuses(() => parseCompactJws(token(bad.replace('{', '{"alg":"ES256",'))), 'token_malformed')
  }
  for (const good of [
    '{"a":{"b":1},"b":{"b":1}}',
    '{ "a" : "a" , "b":"a" }',
    '{"a":[{"x":1},{"x":1}]}',
    '{"1":0,"0":1}',
    '{"a":"\\":1,\\"a\\":2"}',
    '{"a\\\\":1,"a":2}',
    '{"a":-0,"b":1.50,"c":1E2}',
  ]) {
    assert.deepEqual(json(good), JSON.parse(good))
  }
})

test('V-04: a member added twice is found by the scanner wherever it stands', () => {
  const name = fc.string({ minLength: 1, maxLength: 3 }).filter((text) => text !== '__proto__' && text.isWellFormed())
  const object = fc.dictionary(name, fc.oneof(fc.integer(), name, fc.constant(null)), { minKeys: 1, maxKeys: 6 })
  fc.assert(
    fc.property(object, fc.nat(), fc.boolean(), (members, pick, spaced) => {
      const entries = Object.entries(members)
      const repeated = entries[pick % entries.length]
      const write = (list: [string, unknown][]) =>
        `{"outer":{${list.map(([key, value]) => `${JSON.stringify(key)}${spaced ? ' ' : ''}:${JSON.stringify(value)}`).join(',')}}}`
      if (repeated === undefined) return
      assert.ok(json(write(entries)))
      refuses(() => json(write([...entries, repeated])), 'token_malformed')
    }),
  )
})

test('V-04: refuses a byte order mark, invalid UTF-8, lone surrogates, and values that are no object', () => {
  for (const bad of [
    Buffer.from('\ufeff{"a":1}'),
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    Buffer.from('{"a":1}', 'utf16le'),
    '{"a":"\\ud800"}',
    '{"a":"\\udc00\\ud800"}',
    '{"\\ud800":1}',
    '{"a":["x","\\uDBFFx"]}',
    '',
    ' ',
    '[]',
    '[{}]',
    'null',
    'true',
    '1',
    '"a"',
    '{',
    '{}}',
    '{"a":1,}',
    "{'a':1}",
    '{a:1}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":0x1}',
    '{"a":01}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":"\t"}',
    '{"a":1}//',
    '{"a":1}\u0000',
    '{"a":1}{"a":1}',
    '{"a":"\\x"}',
  ]) {
    refuses(() => json(bad), 'token_malformed')
  }
  assert.deepEqual(json('{"a":"\\ud83d\\ude00","b":"😀ü"}'), { a: '😀', b: '😀ü' })
})

test('V-04: refuses a member named __proto__, and keeps "constructor" as plain data', () => {
  for (const bad of ['{"__proto__":{"admin":true}}', '{"a":{"__proto__":1}}', '{"\\u005f_proto__":{"admin":true}}']) {
    refuses(() => json(bad), 'token_malformed')
  }
  const value = json('{"constructor":{"prototype":{"admin":true}},"a":"__proto__"}') as JsonObject
  assert.equal(Object.hasOwn(value, 'constructor'), true)
  assert.equal(Object.hasOwn(Object.prototype, 'admin'), false)
})

test('V-04: refuses numbers that another reader would take for a different one', () => {
  for (const bad of ['1e999', '-1e999', '9007199254740993', '-9007199254740993', '12345678901234567890']) {
    refuses(() => json(`{"a":[${bad}]}`), 'token_malformed')
  }
  for (const good of ['0', '-0', '9007199254740991', '1.5e3', '0.1', '1e21']) assert.ok(json(`{"a":${good}}`))
})

test('V-04: whatever is accepted has no loss against JSON.parse', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      let value: JsonObject | undefined
      try {
        value = json(`{"v":${text}}`)
      } catch (error) {
        assert.ok(isCountersignError(error))
        return
      }
      assert.deepEqual(value, JSON.parse(`{"v":${text}}`))
    }),
  )
})

test('V-08, V-12, V-13: refuses by name what is never processed', () => {
  const members = {
    crit: [['exp'], [], 'b64', ['b64'], null],
    b64: [false, true],
    jku: ['https://evil.example/jwks.json'],
    x5u: ['https://evil.example/cert.pem'],
    jwk: [{ kty: 'EC' }],
    x5c: [['MII']],
    zip: ['DEF'],
    enc: ['A128GCM'],
    cty: ['JWT', 'jwt', 'application/jwt', 'Application/JWT'],
  }
  for (const [name, values] of Object.entries(members)) {
    for (const value of values)
      refuses(() => parseCompactJws(token({ alg: 'ES256', [name]: value })), 'token_unsupported')
  }
  assert.ok(parseCompactJws(token({ alg: 'ES256', cty: 'json', x5t: 'abc' })))
})

test('V-13: refuses an encrypted token', () => {
  refuses(() => parseCompactJws(`${encode({ alg: 'RSA-OAEP', enc: 'A128GCM' })}.a.b.c.d`), 'token_unsupported')
  refuses(() => parseCompactJws(`${encode({ alg: 'dir', enc: 'A128GCM' })}..b.c.d`), 'token_unsupported')
})

test('refuses header members of the wrong type, and key ids that are empty or long', () => {
  for (const header of [
    {},
    { alg: null },
    { alg: 1 },
    { alg: ['ES256'] },
    { alg: 'ES256', kid: 1 },
    { alg: 'ES256', kid: null },
    { alg: 'ES256', kid: '' },
    { alg: 'ES256', kid: 'k'.repeat(257) },
    { alg: 'ES256', typ: 1 },
    { alg: 'ES256', typ: '' },
    { alg: 'ES256', typ: 'at+jwt\u212a' },
    { alg: 'ES256', typ: 'at jwt' },
    { alg: 'ES256', cty: {} },
    [],
    'null',
  ]) {
    refuses(() => parseCompactJws(token(header)), 'token_malformed')
  }
})

test('refuses an unsigned token', () => {
  refuses(() => parseCompactJws(token({ alg: 'ES256' }, '')), 'signature_invalid')
})

test('headers are shared between tokens and therefore frozen, deeply', () => {
  const text = token({ alg: 'ES256', kid: 'shared', nested: { list: [1] } })
  const header = parseCompactJws(text).header
  assert.equal(parseCompactJws(text).header, header)
  assert.throws(() => {
    ;(header.members as { alg: string }).alg = 'none'
  }, TypeError)
  assert.ok(Object.isFrozen((header.members['nested'] as JsonObject)['list']))
})

test('V-14: types are compared as media types', () => {
  for (const same of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt']) {
    assert.equal(normalizeType(same), 'application/at+jwt')
  }
  for (const other of ['JWT', 'at+jwt;v=1', 'x/at+jwt', 'application/application/at+jwt']) {
    assert.notEqual(normalizeType(other), 'application/at+jwt')
  }
})

test('V-24: any text gives a typed error or parts that are the token again', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}$/)), (text) => {
      try {
        const { signingInput, signature } = parseCompactJws(text)
        assert.equal(`${signingInput.toString()}.${signature.toString('base64url')}`, text)
      } catch (error) {
        assert.ok(isCountersignError(error))
      }
    }),
    { numRuns: 2000 },
  )
})
