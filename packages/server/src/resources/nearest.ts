/** Edits (insert, delete, replace, swap of neighbours) from one word to the other; stops counting above `limit`. */
function distance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) > limit) return limit + 1
  let twoBack: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    let best = row
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (twoBack[column - 2] ?? 0) + 1)
      }
      current.push(cost)
      best = Math.min(best, cost)
    }
    if (best > limit) return limit + 1
    twoBack = previous
    previous = current
  }
  return previous[right.length] ?? limit + 1
}

/**
 * The known name that the writer most likely meant, for "did you mean". Case and `-` against `_` count as no edit;
 * undefined when nothing is within a third of the word's length, or two names are equally near.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > 64) return undefined
  const flat = (text: string) => text.toLowerCase().replaceAll('_', '-')
  const limit = Math.max(1, Math.floor(name.length / 3))
  let best: string | undefined
  let bestDistance = limit + 1
  let tied = false
  for (const candidate of known) {
    const edits = distance(flat(name), flat(candidate), limit)
    if (edits < bestDistance) {
      best = candidate
      bestDistance = edits
      tied = false
    } else if (edits === bestDistance && edits <= limit) {
      tied = true
    }
  }
  return tied ? undefined : best
}
