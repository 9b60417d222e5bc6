import type { Attestation, Danger } from '../attestors/index.ts'
import { foldAsciiCase } from '../lib/index.ts'
import { claimValue } from './operators.ts'
import type { Condition } from './types.ts'

type Scalar = string | number | boolean

/** Whether a policy names this very value of the claim with eq or in: then its author has thought of it. */
export function namesValue(conditions: readonly Condition[], claim: string, value: Scalar): boolean {
  return conditions.some((condition) => {
    if (condition.claim !== claim) return false
    const same = (named: Scalar) =>
      condition.foldCase === true && typeof named === 'string' && typeof value === 'string'
        ? foldAsciiCase(named) === foldAsciiCase(value)
        : named === value
    if (condition.operator === 'eq') return same(condition.value)
    return condition.operator === 'in' && condition.values.some(same)
  })
}

function fold(value: Scalar): Scalar {
  return typeof value === 'string' ? foldAsciiCase(value) : value
}

const foldedValues = new WeakMap<Danger, ReadonlySet<Scalar>>()

/** The values of a danger, folded; made once, since presets are constants. */
function valuesOf(danger: Danger): ReadonlySet<Scalar> {
  const known = foldedValues.get(danger)
  if (known) return known
  const values = new Set<Scalar>(danger.values.map(fold))
  foldedValues.set(danger, values)
  return values
}

/** Whether the danger speaks of a value. Case is folded: a danger is never missed for the sake of a capital. */
function isDangerous(danger: Danger, value: Scalar): boolean {
  return valuesOf(danger).has(fold(value))
}

/**
 * The first danger of the preset that stands in the way (T21): the proof carries a dangerous value that the policy does not name,
 * or lacks the claim that would tell. `always` dangers stand in every way, `write` dangers only in that of a grant that
 * changes something.
 */
export function findDanger(
  attestation: Pick<Attestation, 'provider' | 'claims'>,
  conditions: readonly Condition[],
  grantsWrite: boolean,
): Danger | undefined {
  return attestation.provider.preset.dangers.find((danger) => {
    if (danger.refuse === 'write' && !grantsWrite) return false
    const actual = claimValue(attestation.claims, danger.claim)
    // Invariant 1: what cannot be seen to be harmless is not.
    if (actual === undefined) return true
    const unnamed = (value: Scalar) => isDangerous(danger, value) && !namesValue(conditions, danger.claim, value)
    return typeof actual === 'object' ? actual.some(unnamed) : unnamed(actual)
  })
}

/** Whether the conditions name any value of a danger; lint warns about it. */
export function namedDangers(dangers: readonly Danger[], conditions: readonly Condition[]): readonly Danger[] {
  return dangers.filter((danger) => danger.values.some((value) => namesValue(conditions, danger.claim, value)))
}
