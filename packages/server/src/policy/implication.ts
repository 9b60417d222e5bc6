import { foldAsciiCase } from '../lib/index.ts'
import { parseRanges, rangesInside } from './cidr.ts'
import { globInside } from './glob-inside.ts'
import { conditionTest } from './operators.ts'
import type { Condition } from './types.ts'

type Scalar = string | number | boolean
type Membership = Condition & { operator: 'in' | 'notIn' }

/** The values of which one must come, where a condition lists them. */
function namedValues(condition: Condition): readonly Scalar[] | undefined {
  if (condition.operator === 'eq') return [condition.value]
  return condition.operator === 'in' ? condition.values : undefined
}

/** On a list of strings a condition speaks of some element; another element may be anything. Unknown claims may be lists. */
function mayBeList(condition: Condition): boolean {
  return condition.claimType === 'strings' || condition.claimType === undefined
}

function foldPattern(condition: Condition & { operator: 'glob' }): string {
  return condition.foldCase === true ? foldAsciiCase(condition.pattern) : condition.pattern
}

/** Whether each of these values meets the condition, and so does a list that holds one of them. */
function valuesImply(values: readonly Scalar[], narrow: Condition, wide: Condition): boolean {
  const holdsForSome = wide.operator === 'eq' || wide.operator === 'in' || wide.operator === 'glob'
  if (!holdsForSome && mayBeList(narrow) && values.some((value) => typeof value === 'string')) return false
  const test = conditionTest(wide)
  return values.every((value) => test(value) === 'ok')
}

function globImplies(narrow: Condition & { operator: 'glob' }, wide: Condition): boolean {
  if (wide.operator === 'glob') return globInside(foldPattern(narrow), foldPattern(wide))
  if (wide.operator === 'notIn' && !mayBeList(narrow)) {
    const test = conditionTest(narrow)
    return wide.values.every((value) => typeof value === 'string' && test(value) !== 'ok')
  }
  return false
}

function notInImplies(narrow: Membership, wide: Condition): boolean {
  if (wide.operator !== 'notIn') return false
  const isExcluded = conditionTest({ ...narrow, operator: 'in' })
  return wide.values.every((value) => isExcluded(value) === 'ok')
}

/**
 * Whether every claim that meets `narrow` provably meets `wide`. False means unproven: callers take it for a difference.
 * Both are conditions of one provider, so that their claims have one type.
 */
export function impliesCondition(narrow: Condition, wide: Condition): boolean {
  if (narrow.claim !== wide.claim || narrow.foldCase !== wide.foldCase) return false
  if (narrow.operator === 'exists') return wide.operator === 'exists' && narrow.value === wide.value
  if (wide.operator === 'exists') return wide.value
  const values = namedValues(narrow)
  if (values) return valuesImply(values, narrow, wide)
  switch (narrow.operator) {
    case 'glob':
      return globImplies(narrow, wide)
    case 'notIn':
      return notInImplies(narrow, wide)
    case 'lt':
      return wide.operator === 'lt' && narrow.value <= wide.value
    case 'gt':
      return wide.operator === 'gt' && narrow.value >= wide.value
    case 'cidr': {
      if (wide.operator !== 'cidr') return false
      const [inner, outer] = [parseRanges(narrow.ranges), parseRanges(wide.ranges)]
      return inner !== undefined && outer !== undefined && rangesInside(inner, outer)
    }
    default:
      return false
  }
}
