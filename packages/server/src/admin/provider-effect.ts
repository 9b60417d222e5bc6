import type { TrustProvider } from '../attestors/index.ts'
import { canonicalJson, type JsonValue } from '../lib/index.ts'
import { type Effect, type Move, moveOfLimit, moveOfSet, sumUp } from './effect.ts'

/** The members that say whose proofs are trusted and how they are checked: another value is another set of proofs. */
const TRUST_ROOT = ['issuer', 'audience', 'keys', 'caFile', 'allowPrivateNetwork', 'allowLoopbackHttp'] as const

/** Whether the change trusts another issuer, other keys, or another way to reach them: as adding an issuer is (S-12). */
export function changesTrustRoot(before: TrustProvider, after: TrustProvider): boolean {
  return (
    before.preset.name !== after.preset.name ||
    TRUST_ROOT.some((member) => textOf(before[member]) !== textOf(after[member]))
  )
}

function textOf(value: unknown): string {
  return value === undefined ? '' : canonicalJson(value as JsonValue)
}

/** How a changed TrustProvider moves the set of proofs that it accepts. Only what is provably narrower counts as narrowing. */
export function compareProviders(before: TrustProvider, after: TrustProvider): Effect {
  const moves: Move[] = []
  if (before.preset.name !== after.preset.name) moves.push({ direction: 'both', reason: 'preset changes' })
  for (const member of TRUST_ROOT) {
    if (textOf(before[member]) !== textOf(after[member])) {
      moves.push({ direction: 'both', reason: `${member} changes: other proofs are accepted` })
    }
  }
  moves.push(...moveOfSet('algorithm', before.algorithms, after.algorithms))
  for (const claim of new Set([...Object.keys(before.require), ...Object.keys(after.require)])) {
    const old = Object.hasOwn(before.require, claim) ? before.require[claim] : undefined
    const now = Object.hasOwn(after.require, claim) ? after.require[claim] : undefined
    if (old === now) continue
    if (old === undefined) moves.push({ direction: 'narrows', reason: `require.${claim} is added` })
    else if (now === undefined) moves.push({ direction: 'widens', reason: `require.${claim} is removed` })
    else moves.push({ direction: 'both', reason: `require.${claim} has another value` })
  }
  for (const limit of ['maxUses', 'usesPerMinute', 'maxProofAgeSeconds', 'maxLifetimeSeconds'] as const) {
    moves.push(...moveOfLimit(limit, before.freshness[limit], after.freshness[limit]))
  }
  moves.push(...moveOfLimit('maxTtl', before.maxTtlSeconds, after.maxTtlSeconds))
  return sumUp(moves)
}
