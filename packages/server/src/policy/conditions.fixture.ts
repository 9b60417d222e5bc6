import type { Condition } from './types.ts'

/** Equality conditions, in the order of the members. */
export function conditionsFixture(match: Readonly<Record<string, string | number | boolean>>): Condition[] {
  return Object.entries(match).map(([claim, value]) => ({ claim, claimType: 'string', operator: 'eq', value }))
}
