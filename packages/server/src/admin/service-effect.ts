import type { Service } from '../inventory/index.ts'
import { type Effect, type Move, moveOfLimit, moveOfSet, sumUp } from './effect.ts'

/**
 * How a changed Service moves what tokens can reach. A new scope alone admits nothing: policies name the scopes that they grant.
 * What weakens the check of tokens (longer staleness, answering when the revocation state is unknown) widens.
 */
export function compareServices(before: Service, after: Service): Effect {
  const moves: Move[] = []
  if (before.audience !== after.audience) {
    moves.push({ direction: 'both', reason: 'tokens are for another audience; those for the old one are refused' })
  }
  if (before.environment !== after.environment) {
    moves.push({
      direction: 'both',
      reason: `the environment changes from ${before.environment} to ${after.environment}`,
    })
  }
  moves.push(...moveOfSet('scope', before.scopes, after.scopes).filter(({ direction }) => direction === 'narrows'))
  // A preset's dangers refuse write scopes: a scope that is said to read only is open to them.
  const stillThere = (scope: string) => before.scopes.includes(scope) && after.scopes.includes(scope)
  moves.push(...moveOfSet('read scope', before.readScopes.filter(stillThere), after.readScopes.filter(stillThere)))
  moves.push(
    ...moveOfLimit('verification.maxStale', before.verification.maxStaleSeconds, after.verification.maxStaleSeconds),
  )
  if (before.verification.onUnavailable !== after.verification.onUnavailable) {
    moves.push(
      after.verification.onUnavailable === 'deny'
        ? { direction: 'narrows', reason: 'tokens are refused while revocations cannot be read' }
        : { direction: 'widens', reason: 'tokens are accepted while revocations cannot be read' },
    )
  }
  return sumUp(moves)
}
