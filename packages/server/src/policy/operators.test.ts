import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ClaimValue } from '../attestors/index.ts'
import { claimValue, conditionTest } from './operators.ts'
import type { Condition } from './types.ts'

type Rule = Condition extends infer One ? (One extends Condition ? Omit<One, 'claim'> : never) : never

function outcome(rule: Rule, actual: ClaimValue | undefined): string {
  return conditionTest({ claim: 'c', ...rule } as Condition)(actual)
}

const EVERY_RULE: readonly Rule[] = [
  { operator: 'eq', value: 'a' },
  { operator: 'in', values: ['a', 'b'] },
  { operator: 'notIn', values: ['a'] },
  { operator: 'glob', pattern: 'a/*' },
  { operator: 'exists', value: true },
  { operator: 'lt', value: 5 },
  { operator: 'gt', value: 5 },
  { operator: 'cidr', ranges: ['10.0.0.0/8'] },
]

describe('operators', () => {
  for (const rule of EVERY_RULE) {
    test(`S-10: a missing claim never meets ${rule.operator}`, () => assert.equal(outcome(rule, undefined), 'absent'))
  }

  const refused: readonly (readonly [string, Rule, ClaimValue, string])[] = [
    ['a number for text', { operator: 'eq', value: '1' }, 1, 'wrong_type'],
    ['text for a number', { operator: 'eq', value: 1 }, '1', 'wrong_type'],
    ['text for a boolean', { operator: 'eq', value: true }, 'true', 'wrong_type'],
    ['a boolean for text in a list', { operator: 'in', values: ['true'] }, true, 'wrong_type'],
    ['a number for text under notIn', { operator: 'notIn', values: ['1'] }, 2, 'wrong_type'],
    ['strings for a number', { operator: 'eq', value: 1 }, ['1'], 'wrong_type'],
    ['a number under a glob', { operator: 'glob', pattern: '*' }, 1, 'wrong_type'],
    ['text under lt', { operator: 'lt', value: 5 }, '1', 'wrong_type'],
    ['the bound itself under lt', { operator: 'lt', value: 5 }, 5, 'different'],
    ['the bound itself under gt', { operator: 'gt', value: 5 }, 5, 'different'],
    ['NaN under lt', { operator: 'lt', value: 5 }, Number.NaN, 'different'],
    ['text that is no address under cidr', { operator: 'cidr', ranges: ['0.0.0.0/0'] }, 'localhost', 'wrong_type'],
    ['an address outside', { operator: 'cidr', ranges: ['10.0.0.0/8'] }, '192.0.2.1', 'different'],
    [
      'every address when a range does not parse',
      { operator: 'cidr', ranges: ['0.0.0.0/0', 'x'] },
      '10.0.0.1',
      'different',
    ],
    ['everything when a glob does not parse', { operator: 'glob', pattern: 'a|b' }, 'a', 'different'],
    ['every value when the types are mixed', { operator: 'in', values: ['1', 1] }, '1', 'wrong_type'],
    ['T34: another letter case', { operator: 'eq', value: 'acme' }, 'Acme', 'different'],
    [
      'T34: a letter outside ASCII that folds to one inside',
      { operator: 'eq', value: 'k', foldCase: true },
      '\u212a',
      'different',
    ],
    ['a list without the element', { operator: 'eq', value: 'a' }, ['b'], 'different'],
    ['an empty list under notIn', { operator: 'notIn', values: ['a'] }, [], 'different'],
    ['a list with the element under notIn', { operator: 'notIn', values: ['a'] }, ['b', 'a'], 'different'],
    ['a present claim under exists: false', { operator: 'exists', value: false }, '', 'different'],
  ]
  for (const [what, rule, actual, expected] of refused) {
    test(`refuses ${what}`, () => assert.equal(outcome(rule, actual), expected))
  }

  const met: readonly (readonly [string, Rule, ClaimValue | undefined])[] = [
    ['equal text', { operator: 'eq', value: 'a' }, 'a'],
    ['one of the values', { operator: 'in', values: ['a', 'b'] }, 'b'],
    ['another value under notIn', { operator: 'notIn', values: ['a'] }, 'b'],
    ['a list with the element', { operator: 'eq', value: 'a' }, ['b', 'a']],
    ['a list with an element of the glob', { operator: 'glob', pattern: 'x/*' }, ['b', 'x/a']],
    ['a list without the element under notIn', { operator: 'notIn', values: ['a'] }, ['b']],
    ['T34: another case where the platform ignores it', { operator: 'eq', value: 'ACME', foldCase: true }, 'acme'],
    ['T34: a glob in another case likewise', { operator: 'glob', pattern: 'Acme/*', foldCase: true }, 'ACME/x'],
    ['a false boolean', { operator: 'eq', value: false }, false],
    ['an absent claim under exists: false', { operator: 'exists', value: false }, undefined],
    ['an empty text under exists', { operator: 'exists', value: true }, ''],
    ['an address inside', { operator: 'cidr', ranges: ['10.0.0.0/8'] }, '10.1.2.3'],
  ]
  for (const [what, rule, actual] of met) {
    test(`accepts ${what}`, () => assert.equal(outcome(rule, actual), 'ok'))
  }

  test('S-10: evaluation is total: any value under any operator gives one of four outcomes', () => {
    const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.array(fc.string()), fc.constant(undefined))
    fc.assert(
      fc.property(fc.constantFrom(...EVERY_RULE), value, (rule, actual) => {
        assert.ok(['ok', 'absent', 'wrong_type', 'different'].includes(outcome(rule, actual)))
      }),
    )
  })

  test('a claim is never read from the prototype of the claims', () => {
    assert.equal(claimValue({}, 'toString'), undefined)
    assert.equal(claimValue(Object.create({ admin: 'yes' }), 'admin'), undefined)
  })
})
