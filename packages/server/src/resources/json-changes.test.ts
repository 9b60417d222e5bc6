import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, type JsonValue } from '../lib/index.ts'
import { differences } from './differences.ts'
import { mergePatch } from './merge-patch.ts'
import { nearestName } from './nearest.ts'
import { pointerPath, pointerTo } from './pointer.ts'

const json = fc
  .jsonValue({ maxDepth: 4 })
  .filter((value) => !JSON.stringify(value).includes('__proto__')) as fc.Arbitrary<JsonValue>

describe('mergePatch', () => {
  // RFC 7396 appendix A, every row.
  const rows: readonly (readonly [target: string, patch: string, result: string])[] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ]
  for (const [target, patch, result] of rows) {
    it(`RFC 7396 appendix A: ${target} with ${patch}`, () => {
      assert.deepEqual(mergePatch(JSON.parse(target), JSON.parse(patch)), JSON.parse(result))
    })
  }

  it('never changes a member that the patch does not name (T35)', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), fc.dictionary(fc.string(), json), (target, patch) => {
        const merged = mergePatch(target, patch) as Record<string, JsonValue>
        for (const name of Object.keys(target)) {
          if (!Object.hasOwn(patch, name)) assert.deepEqual(merged[name], target[name])
        }
      }),
    )
  })

  it('does not reach the prototype', () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}')) as object
    assert.equal(Object.getPrototypeOf(merged), Object.prototype)
    assert.equal('polluted' in {}, false)
  })
})

describe('differences', () => {
  it('is empty exactly when the canonical texts are equal', () => {
    fc.assert(
      fc.property(json, json, (left, right) => {
        assert.equal(differences(left, right).length === 0, canonicalJson(left) === canonicalJson(right))
        assert.deepEqual(differences(left, left), [])
      }),
    )
  })

  it('names members by escaped pointers and shows both sides', () => {
    assert.deepEqual(
      differences({ a: { 'b/c~d': 1, same: [1] }, gone: null }, { a: { 'b/c~d': 2, same: [1] }, new: [] }),
      [
        { pointer: '/a/b~1c~0d', before: '1', after: '2' },
        { pointer: '/gone', before: 'null' },
        { pointer: '/new', after: '[]' },
      ],
    )
  })

  it('does not take an inherited name for a member', () => {
    assert.deepEqual(differences({}, { toString: 'x' }), [{ pointer: '/toString', after: '"x"' }])
  })
})

describe('pointers', () => {
  it('give back the path that they were made of', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (path) => {
        assert.deepEqual(pointerPath(path.reduce(pointerTo, '')), path)
      }),
    )
  })
})

describe('nearestName', () => {
  it('finds a slip and not a guess', () => {
    const known = ['match', 'grant', 'limits', 'reviewBy', 'maxProofAge']
    assert.equal(nearestName('mathc', known), 'match')
    assert.equal(nearestName('review_by', known), 'reviewBy')
    assert.equal(nearestName('limit', known), 'limits')
    assert.equal(nearestName('issuer', known), undefined)
    assert.equal(nearestName('', known), undefined)
    assert.equal(nearestName('x'.repeat(10_000), known), undefined)
  })

  it('says nothing when two names are equally near', () => {
    assert.equal(nearestName('bat', ['cat', 'hat']), undefined)
  })
})
