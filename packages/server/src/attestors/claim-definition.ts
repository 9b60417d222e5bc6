import type { ClaimDefinition, Preset } from './types.ts'

/** Names that may follow a claim prefix, and names of open claims: no name of the language's own object members is among them. */
const CLAIM_NAME = /^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$/

/** Claims that belong to the verifier: checked by it, and never matched by a policy. */
const VERIFIER_CLAIMS: ReadonlySet<string> = new Set(['iss', 'aud', 'exp', 'nbf', 'iat', 'jti'])

const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'valueOf',
])

/**
 * What the preset knows of a claim, by its policy name; also for members of a prefix family.
 * Undefined: the preset does not know it. With `openClaims` it may still exist; see `knowsClaim`.
 */
export function findClaimDefinition(preset: Preset, name: string): ClaimDefinition | undefined {
  if (Object.hasOwn(preset.claims, name)) return preset.claims[name]
  for (const [prefix, definition] of Object.entries(preset.claimPrefixes ?? {})) {
    if (name.length > prefix.length && name.startsWith(prefix) && CLAIM_NAME.test(name)) return definition
  }
  return undefined
}

/** Whether proofs of this preset can carry the claim, so that a policy or `require` may name it. */
export function knowsClaim(preset: Preset, name: string): boolean {
  return findClaimDefinition(preset, name) !== undefined || (preset.openClaims === true && isOpenClaimName(name))
}

/** Whether a name that no preset lists can name a claim: bounded, ASCII, and not one of the verifier's own. */
export function isOpenClaimName(name: string): boolean {
  return CLAIM_NAME.test(name) && !VERIFIER_CLAIMS.has(name) && !RESERVED_NAMES.has(name)
}
