import type { PlannedChange } from './types.ts'

/** How a change moves the set of what is admitted, and why: one sentence per reason. */
export interface Effect {
  readonly effect: PlannedChange['effect']
  readonly reasons: readonly string[]
}

/** A change that moves nothing. */
export const NO_EFFECT: Effect = { effect: 'none', reasons: [] }

/** One direction of a change. */
export interface Move {
  readonly direction: 'widens' | 'narrows' | 'both'
  readonly reason: string
}

/** Sums up single moves: a change that does both is `widens_and_narrows`. */
export function sumUp(moves: readonly Move[]): Effect {
  const widens = moves.some(({ direction }) => direction !== 'narrows')
  const narrows = moves.some(({ direction }) => direction !== 'widens')
  const effect = widens ? (narrows ? 'widens_and_narrows' : 'widens') : narrows ? 'narrows' : 'none'
  return { effect, reasons: moves.map(({ reason }) => reason) }
}

/** Whether the effect admits anything new. */
export function isWidening(effect: PlannedChange['effect']): boolean {
  return effect === 'widens' || effect === 'widens_and_narrows'
}

/** Whether the effect refuses anything that was admitted before; what was issued under the wider state is revoked then. */
export function isNarrowing(effect: PlannedChange['effect']): boolean {
  return effect === 'narrows' || effect === 'widens_and_narrows'
}

/** The move between two upper limits; undefined means no limit. */
export function moveOfLimit(name: string, before: number | undefined, after: number | undefined): readonly Move[] {
  const left = before ?? Number.POSITIVE_INFINITY
  const right = after ?? Number.POSITIVE_INFINITY
  if (left === right) return []
  return right > left
    ? [{ direction: 'widens', reason: `${name} is raised` }]
    : [{ direction: 'narrows', reason: `${name} is lowered` }]
}

/** The moves between two sets of which each member admits more. */
export function moveOfSet(name: string, before: readonly string[], after: readonly string[]): readonly Move[] {
  const added = after.filter((member) => !before.includes(member))
  const removed = before.filter((member) => !after.includes(member))
  return [
    ...added.map((member): Move => ({ direction: 'widens', reason: `${name} ${member} is added` })),
    ...removed.map((member): Move => ({ direction: 'narrows', reason: `${name} ${member} is removed` })),
  ]
}
