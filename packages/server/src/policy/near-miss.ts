/** How a claim that came differs from the one value that was wanted, when it is so near that it is probably a slip. */
export function nearMiss(expected: string, actual: string): string | undefined {
  if (expected === actual) return undefined
  if (expected.toLowerCase() === actual.toLowerCase()) return 'only letter case differs, and it counts'
  if (expected.trim() === actual.trim()) return 'only white space around it differs'
  if (expected.replace(/\/+$/, '') === actual.replace(/\/+$/, '')) return 'only a trailing slash differs'
  for (const prefix of ['refs/heads/', 'refs/tags/']) {
    if (actual === prefix + expected) return `the claim is a full ref; write ${actual} in the policy`
  }
  const [shorter, longer, who] =
    expected.length < actual.length ? [expected, actual, 'what came'] : [actual, expected, 'what was expected']
  if (shorter.length > 0 && longer.startsWith(shorter)) return `${who} goes on with '${longer.slice(shorter.length)}'`
  if (shorter.length > 0 && longer.endsWith(shorter)) {
    return `${who} begins with '${longer.slice(0, longer.length - shorter.length)}'`
  }
  return differenceInside(expected, actual)
}

/** The differing middle of two texts that agree for the most part. */
function differenceInside(expected: string, actual: string): string | undefined {
  const least = Math.min(expected.length, actual.length)
  let start = 0
  while (start < least && expected[start] === actual[start]) start += 1
  let end = 0
  while (end < least - start && expected.at(-1 - end) === actual.at(-1 - end)) end += 1
  const differing = Math.max(expected.length, actual.length) - start - end
  // More than a few characters is another value, not a slip.
  if (start + end < 4 || differing > 3) return undefined
  const [wanted, came] = [expected, actual].map((text) => text.slice(start, text.length - end))
  return `they differ at character ${start + 1}: '${wanted}' was expected, '${came}' came`
}
