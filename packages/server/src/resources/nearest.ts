import { editDistance } from '../lib/index.ts'

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
    const edits = editDistance(flat(name), flat(candidate), limit)
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
