import { editDistance } from '../lib/text/index.ts'

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
    const distance = editDistance(word, candidate, bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best !== undefined || word.length < 3) return best
  const limit = Math.floor(word.length / 4)
  // `polices` means trust-policies, `policy-test` nothing.
  const parts = candidates.filter((candidate) => candidate.includes('-'))
  return (
    candidates.find((candidate) => candidate.startsWith(word)) ??
    parts.find((candidate) => candidate.split('-').some((part) => editDistance(word, part, limit) <= limit))
  )
}
