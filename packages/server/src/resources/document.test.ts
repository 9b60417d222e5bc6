import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import type { JsonObject } from '../lib/index.ts'
import { parseDocument } from './document.ts'
import { jsonSchemaFor } from './document-schema.ts'
import type { Problem, ResourceKind } from './types.ts'

const policyLike: ResourceKind = {
  kind: 'TrustPolicy',
  plural: 'trust-policies',
  idPrefix: 'pol',
  spec: z.strictObject({
    provider: z.string(),
    match: z.record(
      z.string(),
      z.union([z.string(), z.strictObject({ in: z.array(z.string()) }), z.strictObject({ glob: z.string() })]),
    ),
    mode: z.enum(['enforce', 'shadow']).default('enforce'),
    limits: z.strictObject({ maxUses: z.number().int().positive().exactOptional() }).prefault({}),
  }),
  hasTests: true,
  requiredMetadata: ['owner', 'purpose', 'environment', 'reviewBy'],
  summary: 'a policy',
}
const teamLike: ResourceKind = {
  ...policyLike,
  kind: 'Team',
  plural: 'teams',
  idPrefix: 'team',
  spec: z.strictObject({}),
  hasTests: false,
  requiredMetadata: [],
}
const KINDS = [policyLike, teamLike]

const good = {
  apiVersion: 'countersign/v1',
  kind: 'TrustPolicy',
  metadata: {
    name: 'deploy',
    owner: 'team:orders',
    purpose: 'deploys',
    environment: 'production',
    reviewBy: '2027-05-01',
  },
  spec: { provider: 'github', match: { repository_id: '1' } },
}

function problems(document: unknown): readonly Problem[] {
  const outcome = parseDocument(document, KINDS)
  assert.ok(!outcome.ok, 'the document was accepted')
  return outcome.problems
}

/** A copy of the good document with the member at the path replaced (undefined removes it). */
function altered(path: readonly string[], value: unknown): unknown {
  const copy = structuredClone(good) as Record<string, unknown>
  let at: Record<string, unknown> = copy
  for (const step of path.slice(0, -1)) at = at[step] as Record<string, unknown>
  const last = path.at(-1) ?? ''
  if (value === undefined) delete at[last]
  else Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true })
  return copy
}

describe('parseDocument refuses', () => {
  const cases: readonly (readonly [
    name: string,
    path: readonly string[],
    value: unknown,
    pointer: string,
    code: string,
  ])[] = [
    ['a missing owner', ['metadata', 'owner'], undefined, '/metadata/owner', 'required'],
    ['a missing purpose', ['metadata', 'purpose'], undefined, '/metadata/purpose', 'required'],
    ['a missing environment', ['metadata', 'environment'], undefined, '/metadata/environment', 'required'],
    ['a missing reviewBy', ['metadata', 'reviewBy'], undefined, '/metadata/reviewBy', 'required'],
    ['a missing spec', ['spec'], undefined, '/spec', 'required'],
    ['a missing name', ['metadata', 'name'], undefined, '/metadata/name', 'required'],
    ['an empty name', ['metadata', 'name'], '', '/metadata/name', 'invalid'],
    ['an upper-case name instead of folding it (T34)', ['metadata', 'name'], 'Deploy', '/metadata/name', 'invalid'],
    ['a name that looks the same in another script (T34)', ['metadata', 'name'], 'deрloy', '/metadata/name', 'invalid'],
    ['a name with a newline at its end', ['metadata', 'name'], 'deploy\n', '/metadata/name', 'invalid'],
    ['a name with a slash', ['metadata', 'name'], '../x', '/metadata/name', 'invalid'],
    ['a name that ends with a dash', ['metadata', 'name'], 'a-', '/metadata/name', 'invalid'],
    ['a name of 64 characters', ['metadata', 'name'], 'a'.repeat(64), '/metadata/name', 'invalid'],
    ['an owner without kind', ['metadata', 'owner'], 'orders', '/metadata/owner', 'invalid'],
    ['an owner of an unknown kind', ['metadata', 'owner'], 'robot:orders', '/metadata/owner', 'invalid'],
    ['an empty purpose', ['metadata', 'purpose'], '', '/metadata/purpose', 'invalid'],
    ['a blank purpose', ['metadata', 'purpose'], '   ', '/metadata/purpose', 'invalid'],
    ['a purpose of 501 characters', ['metadata', 'purpose'], 'a'.repeat(501), '/metadata/purpose', 'invalid'],
    ['a purpose that drives a terminal', ['metadata', 'purpose'], 'a\u001b[2J', '/metadata/purpose', 'invalid'],
    ['a purpose that reorders text', ['metadata', 'purpose'], 'a\u202eb', '/metadata/purpose', 'invalid'],
    ['a day that does not exist', ['metadata', 'reviewBy'], '2027-02-30', '/metadata/reviewBy', 'invalid'],
    ['a date with a time', ['metadata', 'reviewBy'], '2027-02-01T00:00:00Z', '/metadata/reviewBy', 'invalid'],
    ['a label that is not text', ['metadata', 'labels'], { a: 1 }, '/metadata/labels/a', 'wrong_type'],
    ['an unknown version', ['apiVersion'], 'countersign/v2', '/apiVersion', 'unknown_version'],
    ['an unknown kind', ['kind'], 'TrustPolicies', '/kind', 'unknown_kind'],
    ['an unknown member of the envelope', ['status'], {}, '/status', 'unknown_member'],
    ['an unknown member of the spec', ['spec', 'matches'], {}, '/spec/matches', 'unknown_member'],
    [
      'an unknown operator inside a union',
      ['spec', 'match'],
      { ref: { inn: ['a'] } },
      '/spec/match/ref/inn',
      'unknown_member',
    ],
    ['a wrong type inside a union', ['spec', 'match'], { ref: { in: [1] } }, '/spec/match/ref/in/0', 'wrong_type'],
    ['a match that is not a mapping', ['spec', 'match'], null, '/spec/match', 'wrong_type'],
    ['tests that are not cases', ['tests'], ['allow'], '/tests/0', 'wrong_type'],
    [
      'a member that would be dropped silently',
      ['spec', 'match'],
      JSON.parse('{"__proto__":"x"}'),
      '/spec/match/__proto__',
      'forbidden_member',
    ],
    ['a function', ['spec', 'provider'], () => 'github', '/spec/provider', 'not_json'],
    ['not a number', ['spec', 'limits'], { maxUses: Number.NaN }, '/spec/limits/maxUses', 'bad_number'],
    ['a number beyond 2^53', ['spec', 'limits'], { maxUses: 2 ** 53 }, '/spec/limits/maxUses', 'bad_number'],
    ['a lone surrogate', ['spec', 'provider'], 'a\ud800', '/spec/provider', 'bad_text'],
    ['U+0000', ['spec', 'provider'], 'a\u0000', '/spec/provider', 'bad_text'],
  ]
  for (const [name, path, value, pointer, code] of cases) {
    it(name, () => {
      const found = problems(altered(path, value))
      assert.ok(
        found.some((problem) => problem.pointer === pointer && problem.code === code),
        JSON.stringify(found),
      )
      for (const problem of found) assert.ok(problem.fix.length > 0 && problem.severity === 'error')
    })
  }

  it('tests on a kind that has none', () => {
    const found = problems({ apiVersion: 'countersign/v1', kind: 'Team', metadata: { name: 'a' }, spec: {}, tests: [] })
    assert.deepEqual(
      found.map((problem) => problem.pointer),
      ['/tests'],
    )
  })

  it('nesting beyond 16 levels without overflowing the stack', () => {
    let deep: unknown = 'x'
    for (let level = 0; level < 50_000; level += 1) deep = [deep]
    assert.ok(problems(altered(['spec', 'match'], deep)).some((problem) => problem.code === 'too_deep'))
  })

  it('a document with more values than anybody writes', () => {
    assert.ok(
      problems(altered(['spec', 'match'], new Array(60_000).fill(1))).some((problem) => problem.code === 'too_large'),
    )
  })

  it('whatever is not a mapping', () => {
    for (const value of [null, undefined, 1, 'x', [], [good], true, Symbol('x'), new Date()]) {
      assert.equal(parseDocument(value, KINDS).ok, false)
    }
  })
})

describe('parseDocument', () => {
  it('reports all faults of a document at once', () => {
    const found = problems({ ...good, metadata: { name: 'A', ownr: 'team:a' }, spec: { provider: 1, modus: 'x' } })
    assert.deepEqual(found.map((problem) => problem.pointer).sort(), [
      '/metadata/environment',
      '/metadata/name',
      '/metadata/owner',
      '/metadata/ownr',
      '/metadata/purpose',
      '/metadata/reviewBy',
      '/spec/match',
      '/spec/modus',
      '/spec/provider',
    ])
  })

  it('names the member that was probably meant', () => {
    const meant = (path: readonly string[], value: unknown) =>
      problems(altered(path, value)).map((problem) => problem.fix)
    assert.deepEqual(meant(['spec', 'mathc'], {}), ['did you mean `match`?'])
    assert.deepEqual(meant(['metadata', 'review_by'], 'x'), ['did you mean `reviewBy`?'])
    assert.deepEqual(meant(['spec', 'match'], { ref: { globb: 'x' } }).includes('did you mean `glob`?'), true)
    assert.deepEqual(meant(['kind'], 'trustpolicy'), ['did you mean TrustPolicy?'])
  })

  it('never repeats a value of the document', () => {
    const canary = 'canary-3f9a'
    for (const path of [
      ['metadata', 'owner'],
      ['metadata', 'reviewBy'],
      ['spec', 'mode'],
      ['spec', 'limits'],
      ['apiVersion'],
    ]) {
      assert.ok(!JSON.stringify(problems(altered(path, canary))).includes(canary), path.join('/'))
    }
  })

  it('writes defaults out, and gives its own output back unchanged', () => {
    const first = parseDocument(good, KINDS)
    assert.ok(first.ok)
    assert.deepEqual(first.document.spec, {
      provider: 'github',
      match: { repository_id: '1' },
      mode: 'enforce',
      limits: {},
    })
    const second = parseDocument(first.document, KINDS)
    assert.ok(second.ok)
    assert.deepEqual(second.document, first.document)
    assert.equal(second.label, 'TrustPolicy/deploy')
  })

  it('keeps every condition of a match whatever its claim is called', () => {
    const names = fc.oneof(
      fc.constantFrom('constructor', 'toString', 'hasOwnProperty', '__proto__', 'prototype', 'length', ''),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 8 }), (claims) => {
        const match = Object.fromEntries(claims.map((claim) => [claim, 'x']))
        const outcome = parseDocument(altered(['spec', 'match'], match), KINDS)
        if (!outcome.ok) return
        assert.deepEqual(Object.keys((outcome.document.spec as { match: JsonObject }).match).sort(), [...claims].sort())
      }),
    )
  })

  it('answers any JSON value without throwing', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void parseDocument(value, KINDS)))
    fc.assert(
      fc.property(fc.jsonValue(), (value) => void parseDocument({ ...good, spec: value, metadata: value }, KINDS)),
    )
  })
})

describe('jsonSchemaFor', () => {
  it('describes the envelope, refuses unknown members, and does not require what has a default', () => {
    const schema = jsonSchemaFor(policyLike)
    assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
    assert.equal(schema.additionalProperties, false)
    assert.deepEqual(schema.required, ['apiVersion', 'kind', 'metadata', 'spec'])
    const properties = schema.properties as { metadata: JsonObject; spec: JsonObject; tests: JsonObject }
    assert.deepEqual(properties.metadata.required, ['name', 'owner', 'purpose', 'environment', 'reviewBy'])
    assert.deepEqual(properties.spec.required, ['provider', 'match'])
    assert.equal('tests' in (jsonSchemaFor(teamLike).properties as JsonObject), false)
  })
})
