import { findClaimDefinition, type Preset, type TrustProvider } from '../attestors/index.ts'
import type { Condition, ConditionClaim } from './types.ts'

/** A claim of a condition with what the preset knows of it: its type and whether letter case counts. */
export function conditionClaim(name: string, preset: Preset): ConditionClaim {
  const definition = findClaimDefinition(preset, name)
  return {
    claim: name,
    ...(definition ? { claimType: definition.type } : {}),
    ...(definition?.caseInsensitive === true ? { foldCase: true } : {}),
  }
}

/** A provider's `require` as conditions, in file order; the attestor enforces it before any policy is looked at. */
export function requireConditions(provider: TrustProvider): readonly Condition[] {
  return Object.entries(provider.require).map(([name, value]) => ({
    ...conditionClaim(name, provider.preset),
    operator: 'eq',
    value,
  }))
}
