import type { Condition } from './types.ts'

/** What a condition expects of its claim, without the claim's name: `refs/heads/main`, `one of push, schedule`, `not absent`. */
export function describeExpected(condition: Condition): string {
  switch (condition.operator) {
    case 'eq':
      return String(condition.value)
    case 'in':
      return condition.values.length === 1 ? String(condition.values[0]) : `one of ${condition.values.join(', ')}`
    case 'notIn':
      return condition.values.length === 1 ? `not ${condition.values[0]}` : `none of ${condition.values.join(', ')}`
    case 'glob':
      return condition.pattern
    case 'exists':
      return condition.value ? 'present' : 'absent'
    case 'lt':
      return `less than ${condition.value}`
    case 'gt':
      return `more than ${condition.value}`
    case 'cidr':
      return `in ${condition.ranges.join(', ')}`
  }
}

/** A condition in words, with its claim: `ref = refs/heads/main`, `event_name: one of push, schedule`. */
export function describeCondition(condition: Condition): string {
  const expected = describeExpected(condition)
  if (condition.operator === 'eq') return `${condition.claim} = ${expected}`
  if (condition.operator === 'glob') return `${condition.claim} like ${expected}`
  return `${condition.claim}: ${expected}`
}
