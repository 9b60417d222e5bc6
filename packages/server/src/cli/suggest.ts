/**
 * The candidate that the misspelt word most likely meant, or undefined when none is near enough:
 * at most a third of the word's length in edits (insert, delete, replace, swap of neighbours).
 */
export function findNearest(word: string, candidates: readonly string[]): string | undefined {
  // Long words cannot be near any name of ours, and the distance is quadratic.
  if (word.length === 0 || word.length > 40) return undefined
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best !== undefined || word.length < 3) return best
  // `polices` means trust-policies, `policy-test` nothing.
  const parts = candidates.filter((candidate) => candidate.includes('-'))
  return (
    candidates.find((candidate) => candidate.startsWith(word)) ??
    parts.find((candidate) =>
      candidate.split('-').some((part) => editDistance(word, part) <= Math.floor(word.length / 4)),
    )
  )
}

function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        cost = Math.min(cost, (beforePrevious[column - 2] ?? 0) + 1)
      }
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[right.length] ?? 0
}
