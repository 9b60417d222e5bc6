import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_FILE_BYTES, parseResourceFile } from './parse.ts'

function codes(text: string | Uint8Array): string[] {
  return parseResourceFile(text, 'a.yaml').faults.map((fault) => fault.code)
}

function value(text: string): unknown {
  const parsed = parseResourceFile(text, 'a.yaml')
  assert.deepEqual(parsed.faults, [])
  assert.equal(parsed.documents.length, 1)
  return parsed.documents[0]?.value
}

describe('parseResourceFile refuses', () => {
  const refused: readonly (readonly [name: string, text: string | Uint8Array, code: string])[] = [
    ['an alias (expansion bomb)', 'a: &x [1]\nb: *x', 'yaml_alias'],
    ['an anchor that nobody uses', 'a: &x 1', 'yaml_anchor'],
    ['an anchor on a key', '&x a: 1', 'yaml_anchor'],
    ['an anchor on the document', '--- &x\na: 1', 'yaml_anchor'],
    ['a merge key', '<<: { a: 1 }', 'forbidden_key'],
    ['a custom tag', 'a: !secret x', 'yaml_tag'],
    ['a standard tag that changes the type', 'a: !!str 1', 'yaml_tag'],
    ['a binary tag', 'a: !!binary aGVsbG8=', 'yaml_tag'],
    ['a tag inside a flow collection', 'a: [!!int "1"]', 'yaml_tag'],
    ['the YAML 1.1 directive, under which `no` is false', '%YAML 1.1\n---\na: no', 'yaml_directive'],
    ['a tag directive', '%TAG ! tag:example.com,2026:\n---\na: 1', 'yaml_directive'],
    ['a duplicate key', 'a: 1\na: 2', 'duplicate_key'],
    ['a duplicate key in JSON', '{"a": 1, "a": 2}', 'duplicate_key'],
    ['a key that is duplicate once unescaped', '{"a": 1, "\\u0061": 2}', 'duplicate_key'],
    ['__proto__ as a key', '__proto__: { polluted: true }', 'forbidden_key'],
    ['a number as a key', '1: a', 'key_not_text'],
    ['a boolean as a key', 'true: a', 'key_not_text'],
    ['a null key', '~: a', 'key_not_text'],
    ['a mapping as a key', '? { a: 1 }\n: b', 'key_not_text'],
    ['an id that lost its quotes and its leading zero', 'id: 0123456', 'ambiguous_number'],
    ['a commit that reads as an exponent', 'sha: 1234e56', 'ambiguous_number'],
    ['a commit that reads as infinity', 'sha: 12e4567', 'ambiguous_number'],
    ['a number beyond 2^53', 'id: 12345678901234567890', 'ambiguous_number'],
    ['hexadecimal', 'a: 0x1f', 'ambiguous_number'],
    ['octal', 'a: 0o17', 'ambiguous_number'],
    ['not a number', 'a: .nan', 'ambiguous_number'],
    ['infinity', 'a: -.inf', 'ambiguous_number'],
    ['minus zero', 'a: -0', 'ambiguous_number'],
    ['U+0000', 'a: "x\\0y"', 'bad_text'],
    ['a lone surrogate', 'a: "\\ud800"', 'bad_text'],
    ['bytes that are not UTF-8', new Uint8Array([0x61, 0x3a, 0x20, 0xff]), 'not_utf8'],
    ['a file above 1 MiB', 'a'.repeat(MAX_FILE_BYTES + 1), 'file_too_large'],
    ['an unclosed flow mapping', 'a: {b: 1', 'yaml_syntax'],
    ['an unclosed quote', 'a: "b', 'yaml_syntax'],
    ['a tab as indentation', 'a:\n\tb: 1', 'yaml_syntax'],
    ['flow collections nested 17 deep', `${'['.repeat(17)}${']'.repeat(17)}`, 'too_deep'],
    ['block sequences nested 17 deep', `${'- '.repeat(17)}a`, 'too_deep'],
    [
      'block mappings nested 17 deep',
      Array.from({ length: 17 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      'too_deep',
    ],
    ['nesting that would overflow a recursive composer', '['.repeat(100_000), 'too_deep'],
    ['keys nested in keys', '? '.repeat(20_000), 'too_deep'],
  ]
  for (const [name, text, code] of refused) {
    it(name, () => {
      assert.ok(codes(text).includes(code), `${code} is not among ${codes(text)}`)
    })
  }
})

describe('parseResourceFile', () => {
  it('reports every fault of a file at once, in order, with line and column', () => {
    const { faults } = parseResourceFile('a: 1\na: 2\n---\nb:\n  c: 0123\n  c: 1\n', 'policies/x.yaml')
    assert.deepEqual(
      faults.map((fault) => [fault.file, fault.line, fault.column, fault.code]),
      [
        ['policies/x.yaml', 2, 1, 'duplicate_key'],
        ['policies/x.yaml', 5, 6, 'ambiguous_number'],
        ['policies/x.yaml', 6, 3, 'duplicate_key'],
      ],
    )
    for (const fault of faults) assert.notEqual(fault.fix, '')
  })

  it('never quotes the content in a fault', () => {
    const canary = 'canary-3f9a'
    for (const text of [`${canary}: 1\n${canary}: 2`, `a: *${canary}`, `a: !${canary} x`, `? { ${canary}: 1 }\n: b`]) {
      assert.ok(!JSON.stringify(parseResourceFile(text, 'a').faults).includes(canary), text)
    }
  })

  it('bounds the number of faults', () => {
    assert.equal(parseResourceFile('a: *x\n'.repeat(5000), 'a').faults.length, 100)
  })

  it('takes `no`, `on`, dates and versions as text, as YAML 1.2 does', () => {
    assert.deepEqual(value('a: no\non: yes\nd: 2027-05-01\nv: 1.2.3'), {
      a: 'no',
      on: 'yes',
      d: '2027-05-01',
      v: '1.2.3',
    })
  })

  it('splits documents and leaves blank ones out', () => {
    const { documents, faults } = parseResourceFile('---\na: 1\n---\n---\n# only a comment\n---\nb: 2\n---\n', 'a')
    assert.deepEqual(faults, [])
    assert.deepEqual(
      documents.map((document) => [document.value, document.line]),
      [
        [{ a: 1 }, 2],
        [{ b: 2 }, 7],
      ],
    )
  })

  it('locates members by JSON pointer, and absent ones by their nearest parent', () => {
    const { documents } = parseResourceFile('spec:\n  match:\n    a/b: 1\n    list:\n      - x\n      - y: 1\n', 'a')
    const document = documents[0]
    assert.ok(document)
    assert.deepEqual(document.locate('/spec/match/a~1b'), { line: 3, column: 5 })
    assert.deepEqual(document.locate('/spec/match/list/1/y'), { line: 6, column: 9 })
    assert.deepEqual(document.locate('/spec/match/absent/deeper'), { line: 2, column: 3 })
    assert.deepEqual(document.locate(''), { line: 1, column: 1 })
  })

  it('reads every JSON value as JSON.parse does, unless a limit refuses it', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(0, 2), (json, indent) => {
        const expected: unknown = JSON.parse(json)
        const parsed = parseResourceFile(JSON.stringify(expected, null, indent), 'a.json')
        if (parsed.faults.length > 0) return
        assert.deepEqual(parsed.documents[0]?.value ?? null, expected)
      }),
      { numRuns: 300 },
    )
  })

  it('answers any text without throwing, and every fault names a place inside it', () => {
    const fragment = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '-',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '|',
      '>',
      '&x',
      '*x',
      '!t',
      '%',
      '#',
      '?',
      ',',
      '<<',
      '\t',
      '\r',
      '\u0000',
      '---\n',
      '...\n',
      '1',
      'é',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(fragment, { maxLength: 40 }).map((all) => all.join('')),
        ),
        (text) => {
          const { documents, faults } = parseResourceFile(text, 'a')
          for (const fault of faults)
            assert.ok(fault.line >= 1 && fault.column >= 1 && fault.line <= text.split(/\r\n|\n|\r/).length + 1)
          for (const document of documents) JSON.stringify(document.value)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
