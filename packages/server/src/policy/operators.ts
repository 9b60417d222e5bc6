import type { ClaimValue } from '../attestors/index.ts'
import { foldAsciiCase } from '../lib/index.ts'
import { isInRanges, parseAddress, parseRanges } from './cidr.ts'
import { matchesGlob, parseGlob } from './glob.ts'
import type { Condition, ConditionResult } from './types.ts'

/** How one condition came out. Only `ok` is a match. */
export type ConditionOutcome = ConditionResult['outcome']

/** A condition made ready to be evaluated many times: pure and total. */
export type ConditionTest = (actual: ClaimValue | undefined) => ConditionOutcome

type Scalar = string | number | boolean

function isStrings(value: ClaimValue): value is readonly string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string')
}

function outcome(holds: boolean): ConditionOutcome {
  return holds ? 'ok' : 'different'
}

/** How a claim compares with a set of values; lists of strings by their elements. */
function membership(
  actual: ClaimValue | undefined,
  type: string,
  wanted: boolean,
  isMember: (value: Scalar) => boolean,
): ConditionOutcome {
  if (actual === undefined) return 'absent'
  if (typeof actual === 'object') {
    if (type !== 'string' || !isStrings(actual)) return 'wrong_type'
    const some = actual.some(isMember)
    return outcome(wanted ? some : actual.length > 0 && !some)
  }
  if (typeof actual !== type) return 'wrong_type'
  return outcome(isMember(actual) === wanted)
}

/** eq: one value. There are many of these, so each keeps nothing but its value. */
function equalityTest(value: Scalar): ConditionTest {
  return (actual) =>
    actual === value ? 'ok' : membership(actual, typeof value, true, (candidate) => candidate === value)
}

/** in and notIn, and eq without regard to case: values of one type. Values of mixed types never match anything. */
function membershipTest(values: readonly Scalar[], wanted: boolean, foldCase: boolean): ConditionTest {
  const type = typeof values[0]
  if (values.some((value) => typeof value !== type)) return (actual) => (actual === undefined ? 'absent' : 'wrong_type')
  const normal = (value: Scalar): Scalar => (foldCase && typeof value === 'string' ? foldAsciiCase(value) : value)
  const members = new Set(values.map(normal))
  const isMember = (candidate: Scalar) => members.has(normal(candidate))
  return (actual) => membership(actual, type, wanted, isMember)
}

/** A test of text that holds for a string, or for at least one element of strings. */
function textOutcome(actual: ClaimValue | undefined, matches: (text: string) => boolean): ConditionOutcome {
  if (actual === undefined) return 'absent'
  if (typeof actual === 'string') return outcome(matches(actual))
  return isStrings(actual) ? outcome(actual.some(matches)) : 'wrong_type'
}

function globTest(written: string, foldCase: boolean): ConditionTest {
  const pattern = foldCase ? foldAsciiCase(written) : written
  // A pattern that does not parse denies (S-10).
  if ('fault' in parseGlob(pattern)) return (actual) => (actual === undefined ? 'absent' : 'different')
  return foldCase
    ? (actual) => textOutcome(actual, (text) => matchesGlob(pattern, foldAsciiCase(text)))
    : (actual) => textOutcome(actual, (text) => matchesGlob(pattern, text))
}

function numberTest(holds: (actual: number) => boolean): ConditionTest {
  return (actual) => {
    if (actual === undefined) return 'absent'
    return typeof actual === 'number' ? outcome(holds(actual)) : 'wrong_type'
  }
}

function cidrTest(texts: readonly string[]): ConditionTest {
  const ranges = parseRanges(texts)
  return (actual) => {
    if (actual === undefined) return 'absent'
    const address = typeof actual === 'string' ? parseAddress(actual) : undefined
    if (!address) return 'wrong_type'
    return outcome(ranges !== undefined && isInRanges(address, ranges))
  }
}

/**
 * Makes a condition ready. The rules, exact in types and without conversions (S-10, T1-T3, T34):
 * - a claim that is absent meets only `exists: false`; it never meets `notIn`;
 * - a claim of another type than the condition's value never matches;
 * - on a claim that is a list of strings, `eq`, `in` and `glob` hold when some element matches, `notIn` when the list is not empty
 *   and no element matches;
 * - text is compared byte for byte, except that claims with `foldCase` ignore the case of A-Z.
 */
export function conditionTest(condition: Condition): ConditionTest {
  const foldCase = condition.foldCase === true
  switch (condition.operator) {
    case 'eq':
      return foldCase ? membershipTest([condition.value], true, true) : equalityTest(condition.value)
    case 'in':
      return membershipTest(condition.values, true, foldCase)
    case 'notIn':
      return membershipTest(condition.values, false, foldCase)
    case 'glob':
      return globTest(condition.pattern, foldCase)
    case 'exists':
      return (actual) => {
        if (actual === undefined) return condition.value ? 'absent' : 'ok'
        return condition.value ? 'ok' : 'different'
      }
    case 'lt':
      return numberTest((actual) => actual < condition.value)
    case 'gt':
      return numberTest((actual) => actual > condition.value)
    case 'cidr':
      return cidrTest(condition.ranges)
  }
}

/** A claim by name; never a member that the claims object inherits. */
export function claimValue(claims: Readonly<Record<string, ClaimValue>>, name: string): ClaimValue | undefined {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}
