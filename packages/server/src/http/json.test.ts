import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseStrictJson } from './json.ts'

const parse = (text: string) => parseStrictJson(Buffer.from(text))

function faultOf(text: string | Uint8Array): string | undefined {
  try {
    parseStrictJson(typeof text === 'string' ? Buffer.from(text) : text)
    return undefined
  } catch (error) {
    return (error as { problems: { code: string }[] }).problems[0]?.code
  }
}

describe('refuses', () => {
  const cases: readonly (readonly [string, string | Uint8Array, string])[] = [
    ['nothing', '', 'json_syntax'],
    ['a comment', '{} // x', 'json_syntax'],
    ['two texts', '{} {}', 'json_syntax'],
    ['NaN', '[NaN]', 'json_syntax'],
    ['single quotes', "{'a':1}", 'json_syntax'],
    ['a trailing comma', '[1,]', 'json_syntax'],
    ['an unterminated string', '"abc', 'json_syntax'],
    ['an unterminated escape', '"abc\\', 'json_syntax'],
    ['a raw line feed in a string', '"a\nb"', 'json_syntax'],
    ['a byte order mark', '\ufeff{}', 'json_syntax'],
    ['latin1', new Uint8Array([0x22, 0xe9, 0x22]), 'json_encoding'],
    ['an overlong encoding', new Uint8Array([0x22, 0xc0, 0xaf, 0x22]), 'json_encoding'],
    ['UTF-16', new Uint8Array(Buffer.from('{}', 'utf16le')), 'json_syntax'],
    ['a member twice', '{"a":1,"a":1}', 'json_duplicate'],
    ['a member twice, once escaped', '{"a":1,"\\u0061":1}', 'json_duplicate'],
    ['a member twice, deep inside', '[{"a":{"b":[{"c":1,"d":2,"c":3}]}}]', 'json_duplicate'],
    ['a member twice around a nested object', '{"a":{"a":1},"a":2}', 'json_duplicate'],
    ['__proto__', '{"__proto__":{"admin":true}}', 'json_name'],
    ['__proto__, escaped', '{"__\\u0070roto__":1}', 'json_name'],
    ['17 levels of arrays', '['.repeat(17) + ']'.repeat(17), 'json_depth'],
    ['a million open brackets', '['.repeat(1_000_000), 'json_depth'],
    ['17 levels of objects', `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, 'json_depth'],
    ['U+0000', '"\\u0000"', 'json_text'],
    ['U+0000 in a name', '{"\\u0000":1}', 'json_text'],
    ['half a surrogate pair', '"\\ud83d"', 'json_text'],
    ['surrogates in the wrong order', '"\\ude00\\ud83d"', 'json_text'],
  ]
  for (const [name, text, code] of cases) {
    test(name, () => assert.equal(faultOf(text), code))
  }
  test('without ever quoting the input', () => {
    for (const text of ['canary', '{"canary":1,"canary":2}', '["canary\\u0000"]', '{"canary":']) {
      try {
        parse(text)
        assert.fail(text)
      } catch (error) {
        assert.ok(!JSON.stringify([error, (error as Error).message, (error as Error).stack]).includes('canary'))
      }
    }
  })
})

describe('accepts', () => {
  test('16 levels, equal names in different objects, brackets and quotes in strings, pairs of surrogates', () => {
    parse('['.repeat(16) + ']'.repeat(16))
    assert.deepEqual(parse('[{"a":1},{"a":1}]'), [{ a: 1 }, { a: 1 }])
    assert.deepEqual(parse('{"a":{"a":{"a":1}},"b":"{[\\"]}","c":"\\ud83d\\ude00"}'), {
      a: { a: { a: 1 } },
      b: '{["]}',
      c: '\u{1f600}',
    })
    assert.deepEqual(parse('{"a":["a","a",",","{"],"b":1}'), { a: ['a', 'a', ',', '{'], b: 1 })
    assert.equal(parse('"\\\\u0000"'), '\\u0000')
  })
  test('everything that JSON.stringify writes within the depth, with the same meaning', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => {
        const text = JSON.stringify(value)
        fc.pre(!text.includes('__proto__') && !text.includes('\\u0000') && !text.includes('\\ud'))
        assert.deepEqual(parse(text), JSON.parse(text))
      }),
    )
  })
  test('nothing that JSON.parse refuses', () => {
    const alphabet = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'a', '1', ' ', '"a":', 'null')
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 30 }), (parts) => {
        const text = parts.join('')
        if (faultOf(text) === undefined) assert.doesNotThrow(() => JSON.parse(text))
      }),
      { numRuns: 2_000 },
    )
  })
  test('no object with two equal names, whatever their order and spelling', () => {
    const name = fc.constantFrom('"a"', '"\\u0061"', '"b"', '"\\u0062"')
    fc.assert(
      fc.property(fc.array(name, { maxLength: 4 }), (names) => {
        const distinct = new Set(names.map((text) => JSON.parse(text) as string)).size === names.length
        const text = `[{"x":{${names.map((text, index) => `${text}:[${index}]`).join(' , ')}}}]`
        assert.equal(faultOf(text), distinct ? undefined : 'json_duplicate')
      }),
    )
  })
})
