import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { matchesGlob, parseGlob } from './glob.ts'

function matches(pattern: string, value: string): boolean {
  const parsed = parseGlob(pattern)
  assert.ok('glob' in parsed, `${pattern} does not parse`)
  return matchesGlob(pattern, value)
}

/** The meaning of a pattern in the plainest terms: try every way, character by character. */
function reference(pattern: string, value: string): boolean {
  const isSeparator = (character: string | undefined) => character === '/' || character === ':'
  if (pattern === '') return value === ''
  if (pattern === '**') return value !== '' && !/\p{Cc}/u.test(value)
  if (pattern[0] === '*') {
    if (reference(pattern.slice(1), value)) return true
    return (
      value !== '' && !isSeparator(value[0]) && !/\p{Cc}/u.test(value[0] ?? '') && reference(pattern, value.slice(1))
    )
  }
  return value !== '' && pattern[0] === value[0] && reference(pattern.slice(1), value.slice(1))
}

describe('glob', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['T1: an alternation', 'main|develop'],
    ['T1: an anchored alternation', '^main$|^develop$'],
    ['T2: an unbalanced group that escapes its wrapper', 'token.example.com)|('],
    ['T3: a regular expression of a host', 'https://.*\\.example\\.com'],
    ['a brace list', 'refs/heads/{main,develop}'],
    ['a character class', 'refs/heads/v[0-9]'],
    ['a single-character wildcard', 'refs/heads/v?'],
    ['an escaped wildcard', 'refs/heads/\\*'],
    ['a newline', 'refs/heads/main\n'],
    ['a NUL', 'refs/heads/\u0000*'],
    ['nothing', ''],
    ['`**` alone: it would match every value', '**'],
    ['`**` behind an empty segment', '/**'],
    ['D-603: `**` behind a wildcard', '*/**'],
    ['D-603: `**` behind a partial wildcard in the owner', 'ac*/**'],
    ['`**` in the middle', 'acme/**/main'],
    ['`**` as part of a segment', 'acme/x**'],
    ['`***`', 'acme/***'],
    ['a pattern that is too long', `a/${'b'.repeat(600)}`],
  ]
  for (const [what, pattern] of refused) {
    test(`refuses to save ${what}`, () => assert.ok('fault' in parseGlob(pattern)))
  }

  test('takes the longest pattern, and no longer one', () => {
    assert.ok('glob' in parseGlob(`a/${'b'.repeat(510)}`))
    assert.ok('fault' in parseGlob(`a/${'b'.repeat(511)}`))
  })

  const misses: readonly (readonly [string, string, string])[] = [
    ['T1: a longer name', 'refs/heads/main', 'refs/heads/main-evil'],
    ['T1: a name in front', 'refs/heads/main', 'x/refs/heads/main'],
    ['T1: a suffix behind a wildcard segment', 'refs/heads/*', 'refs/heads/x/refs/tags/v1'],
    ['T1: a newline and a good line', 'refs/heads/*', 'evil\nrefs/heads/main'],
    ['T1: a newline inside a wildcard', 'refs/heads/rel-*', 'refs/heads/rel-1\nx'],
    ['T1: a trailing newline', 'refs/heads/main', 'refs/heads/main\n'],
    ['T1: a control character under `**`', 'refs/heads/**', 'refs/heads/a\u001b[2J'],
    ['T3: a wildcard across a slash', 'https://*.example.com', 'https://evil.com/x.example.com'],
    ['T3: a wildcard across a port', 'https://*.example.com', 'https://evil.com:8.example.com'],
    ['a wildcard across a colon', 'repo:acme/orders:*', 'repo:acme/orders:ref:refs/heads/main'],
    ['a wildcard across a slash in an owner', 'acme/*', 'acme/orders/evil'],
    ['an empty segment under `*`', 'acme/*/x', 'acme//x'],
    ['nothing under a final `*`', 'refs/heads/*', 'refs/heads/'],
    ['nothing under `**`', 'refs/heads/**', 'refs/heads/'],
    ['the bare prefix of `**`', 'refs/heads/**', 'refs/heads'],
    ['a sibling of the prefix of `**`', 'acme/**', 'acme-evil/x'],
    ['another separator', 'acme/*', 'acme:orders'],
    ['another letter case', 'refs/heads/*', 'Refs/heads/main'],
    ['a prefix and suffix that overlap', 'aba*aba', 'aba'],
    ['a middle part that overlaps the suffix', 'a*bc*c', 'abc'],
    ['a missing middle part', 'a*x*b', 'ab'],
    ['a segment more', 'acme/*/release.yml', 'acme/a/b/release.yml'],
    ['a segment less', 'acme/*/release.yml', 'acme/release.yml'],
  ]
  for (const [what, pattern, value] of misses) {
    test(`does not match ${what}`, () => assert.equal(matches(pattern, value), false))
  }

  const hits: readonly (readonly [string, string])[] = [
    ['refs/heads/main', 'refs/heads/main'],
    ['refs/heads/*', 'refs/heads/main'],
    ['refs/heads/release-*', 'refs/heads/release-'],
    ['refs/heads/release-*-rc*', 'refs/heads/release-1-rc-rc2'],
    ['refs/heads/**', 'refs/heads/team/a:b'],
    ['acme/*/.github/workflows/release.yml@refs/heads/*', 'acme/deploy/.github/workflows/release.yml@refs/heads/main'],
    ['repo:acme/orders:*:*', 'repo:acme/orders:environment:production'],
    ['*', 'anything'],
  ]
  for (const [pattern, value] of hits) {
    test(`${pattern} matches ${value}`, () => assert.equal(matches(pattern, value), true))
  }

  const symbols = fc.constantFrom('a', 'b', '/', ':', '*', '-')
  test('agrees with the plain definition on every pattern and value', () => {
    const patterns = fc.array(symbols, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(''))
    const values = fc
      .array(fc.constantFrom('a', 'b', '/', ':', '-', '\n'), { maxLength: 10 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(patterns, values, (pattern, value) => {
        const parsed = parseGlob(pattern)
        fc.pre('glob' in parsed)
        // A whole-segment `*` wants a character, which the definition by characters does not say.
        const emptyUnderStar = pattern
          .split(/[/:]/)
          .some((segment, index) => segment === '*' && value.split(/[/:]/)[index] === '')
        assert.equal(matchesGlob(pattern, value), !emptyUnderStar && reference(pattern, value))
      }),
      { numRuns: 20_000 },
    )
  })

  test('a pattern without wildcards matches itself only', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (pattern, value) => {
        const parsed = parseGlob(pattern)
        fc.pre('glob' in parsed && !pattern.includes('*'))
        assert.equal(matchesGlob(pattern, value), value === pattern)
      }),
    )
  })

  test('any text either parses or is refused with a reason, and no value throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (pattern, value) => {
        const parsed = parseGlob(pattern)
        if ('fault' in parsed) assert.notEqual(parsed.fault, '')
        else assert.equal(typeof matchesGlob(pattern, value), 'boolean')
      }),
    )
  })

  test('T1: patterns that make a backtracking engine explode take linear steps', () => {
    // 60 wildcards over 20,000 characters: any backtracking would outlast the test runner.
    assert.equal(matches(`${'a*'.repeat(60)}b`, 'a'.repeat(20_000)), false)
  })
})
