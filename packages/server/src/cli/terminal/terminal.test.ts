import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  createLayout,
  displayWidth,
  hang,
  isPrintable,
  type Layout,
  printable,
  printableJson,
  renderFields,
  renderTable,
  truncate,
  wrap,
} from './index.ts'

const plain: Layout = createLayout({ write: () => true }, { colour: true, wide: false })
const terminal = (columns: number): Layout =>
  createLayout({ write: () => true, isTTY: true, columns }, { colour: false, wide: false })

const HOSTILE = [
  ['an ANSI escape', '\u001b[2Jgone', '\\u{1b}[2Jgone'],
  ['a C1 control sequence', '\u009b31m', '\\u{9b}31m'],
  ['an OSC title change ended by BEL', '\u001b]0;owned\u0007', '\\u{1b}]0;owned\\u{7}'],
  ['CR and LF', 'ok\r\nerror: forged', 'ok\\u{d}\\u{a}error: forged'],
  ['a right-to-left override', 'gpj.\u202eexe', 'gpj.\\u{202e}exe'],
  ['isolates', '\u2066x\u2069', '\\u{2066}x\\u{2069}'],
  ['zero-width characters', 'a\u200bc\u200d\ufeff', 'a\\u{200b}c\\u{200d}\\u{feff}'],
  ['line separators', 'a\u2028b\u2029c\u0085d', 'a\\u{2028}b\\u{2029}c\\u{85}d'],
  ['tag characters', 'a\u{e0041}b', 'a\\u{e0041}b'],
  ['DEL and NUL', '\u007f\u0000', '\\u{7f}\\u{0}'],
  ['a lone surrogate', 'a\ud800b', 'a\\u{d800}b'],
] as const

for (const [what, text, expected] of HOSTILE) {
  test(`A-12: prints ${what} as an escape`, () => {
    assert.equal(printable(text), expected)
    assert.equal(isPrintable(text), false)
  })
}

test('A-12: text without such characters is printed as it is, in any script', () => {
  for (const text of ['orders:read', 'Grüße, 世界 🎉 é', '/spec/match~1x', '']) assert.equal(printable(text), text)
})

test('property: printable text stays on one line and holds nothing that acts', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(printable(text), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
      assert.equal(printable(printable(text)), printable(text))
    }),
    { numRuns: 2_000 },
  )
})

test('property: printable JSON parses to the same value and holds nothing that acts but line breaks', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(undefined, 2), (value, indent) => {
      const json = JSON.stringify(value, undefined, indent)
      const safe = printableJson(json)
      assert.doesNotMatch(safe.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
      assert.deepEqual(JSON.parse(safe), JSON.parse(json))
    }),
    { numRuns: 1_000 },
  )
})

test('display width counts columns, not code units', () => {
  assert.equal(displayWidth('abc'), 3)
  assert.equal(displayWidth('世界'), 4)
  assert.equal(displayWidth('e\u0301'), 1)
  assert.equal(displayWidth('🎉'), 2)
})

test('property: truncated and wrapped text fits, and wrapping loses nothing but spaces', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }).map(printable), fc.integer({ min: 2, max: 40 }), (text, width) => {
      assert.ok(displayWidth(truncate(text, width)) <= width)
      const lines = wrap(text, width)
      for (const line of lines) assert.ok(displayWidth(line) <= width, JSON.stringify([line, width]))
      assert.equal(lines.join('').replaceAll(' ', ''), text.replaceAll(' ', ''))
    }),
    { numRuns: 1_000 },
  )
})

test('long values break after slashes first', () => {
  assert.deepEqual(wrap('acme/deploy/.github/workflows/release.yml', 16), [
    'acme/deploy/',
    '.github/',
    'workflows/',
    'release.yml',
  ])
})

test('off a terminal a table is neither cut nor wrapped, and never coloured', () => {
  const long = 'x'.repeat(500)
  const lines = renderTable(['NAME', 'VALUE'], [['a', { text: long, colour: 'bad' }]], plain)
  assert.equal(lines[1], `a     ${long}`)
})

test('on a terminal a table fits its width: values are cut, or folded where they are compared', () => {
  const rows = [['repository', 'acme/deploy/.github/workflows/release.yml@refs/heads/main', 'ok']]
  for (const columns of [40, 60]) {
    const cut = renderTable(['A', 'B', 'C'], rows, terminal(columns))
    const folded = renderTable(['A', 'B', 'C'], rows, terminal(columns), { overflow: 'wrap' })
    for (const line of [...cut, ...folded]) assert.ok(displayWidth(line) <= columns, line)
    assert.match(cut[1] ?? '', /…/)
    const second = folded.slice(1).map((line) => line.slice(12).replace(/ok$/, '').trim())
    assert.equal(second.join(''), rows[0]?.[1])
  }
})

test('A-12: a table escapes what its cells hold', () => {
  const lines = renderTable(undefined, [['a\nb', '\u001b[31mred']], plain)
  assert.deepEqual(lines, ['a\\u{a}b  \\u{1b}[31mred'])
})

test('colour comes only on a terminal that wants it, and its width is not counted', () => {
  const cells = [[{ text: 'ok', colour: 'good' as const }, 'x']]
  const coloured = createLayout({ write: () => true, isTTY: true, columns: 80 }, { colour: true, wide: false })
  assert.deepEqual(renderTable(undefined, cells, coloured), ['\u001b[32mok\u001b[39m  x'])
  assert.deepEqual(renderTable(undefined, cells, terminal(80)), ['ok  x'])
  assert.deepEqual(renderTable(undefined, cells, plain), ['ok  x'])
})

test('fields are aligned, absent ones left out, and values fold under themselves', () => {
  const fields = [
    ['code', 'denied'],
    ['gone', undefined],
    ['detail', 'one two three four five six'],
  ] as const
  assert.deepEqual(renderFields(fields, plain), ['code    denied', 'detail  one two three four five six'])
  assert.deepEqual(renderFields(fields, terminal(26)), [
    'code    denied',
    'detail  one two three four',
    '        five six',
  ])
})

test('hanging text folds under its first word and escapes', () => {
  assert.deepEqual(hang('fix: ', 'one two three four\u0007', terminal(20)), ['fix: one two three', '     four\\u{7}'])
})
