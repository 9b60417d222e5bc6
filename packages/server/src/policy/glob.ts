/** One segment of a pattern: its literal parts between the wildcards. One part means no wildcard. */
export interface GlobSegment {
  readonly parts: readonly string[]
  /** The separator that follows, or '' at the end. */
  readonly separator: string
}

/** A parsed pattern; `rest` says that it ends in `**`. */
export interface Glob {
  readonly segments: readonly GlobSegment[]
  readonly rest: boolean
}

/** The longest pattern that is accepted, in characters. */
export const MAX_GLOB_LENGTH = 512

// T1, T2: these mean something in other pattern languages and nothing here. Refusing them keeps a pattern that was copied
// from a regular expression from being saved with another meaning than its author had in mind.
const FOREIGN = /[()|[\]{}^$\\?]/

// A wildcard stands for characters that platforms allow in names; a control character is a sign of an attack (T1, newline).
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/

/** Splits a value after each `/` and `:`, the two separators that a `*` never crosses. */
export function splitSegments(text: string): { text: string; separator: string }[] {
  const segments: { text: string; separator: string }[] = []
  let start = 0
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]
    if (character === '/' || character === ':') {
      segments.push({ text: text.slice(start, index), separator: character })
      start = index + 1
    }
  }
  segments.push({ text: text.slice(start), separator: '' })
  return segments
}

/**
 * Parses a pattern. `*` stands for any characters of one segment (a whole-segment `*` for at least one), `**` only as the last
 * segment and only behind a first segment without wildcards. Nothing else is special.
 * @returns the pattern, or a sentence that says what is wrong with it.
 */
export function parseGlob(pattern: string): { glob: Glob } | { fault: string } {
  if (pattern.length === 0) return { fault: 'the pattern is empty' }
  if (pattern.length > MAX_GLOB_LENGTH) return { fault: `the pattern is longer than ${MAX_GLOB_LENGTH} characters` }
  if (CONTROL.test(pattern)) return { fault: 'the pattern holds a control character' }
  const foreign = FOREIGN.exec(pattern)
  if (foreign) return { fault: `the pattern holds '${foreign[0]}', which has no meaning in a glob` }
  const raw = splitSegments(pattern)
  const last = raw.at(-1)
  const rest = last?.text === '**'
  if (rest) raw.pop()
  if (raw.some((segment) => segment.text.includes('**'))) {
    return { fault: '`**` may only be the whole last segment' }
  }
  // The first segment names the tenant or the kind of the name in every platform's claims (D-603).
  if (rest && (raw[0] === undefined || raw[0].text === '' || raw[0].text.includes('*'))) {
    return { fault: '`**` needs a first segment without wildcards before it' }
  }
  const segments = raw.map((segment) => ({ parts: segment.text.split('*'), separator: segment.separator }))
  return { glob: { segments, rest } }
}

function sameText(pattern: string, at: number, value: string, valueAt: number, length: number): boolean {
  for (let index = 0; index < length; index += 1) {
    if (pattern.charCodeAt(at + index) !== value.charCodeAt(valueAt + index)) return false
  }
  return true
}

function segmentEnd(text: string, from: number): number {
  let end = from
  while (end < text.length && text[end] !== '/' && text[end] !== ':') end += 1
  return end
}

/** Matches one segment of the pattern, from `p` to `pEnd`, with one of the value, from `v` to `vEnd`. */
function matchesPart(pattern: string, p: number, pEnd: number, value: string, v: number, vEnd: number): boolean {
  const star = pattern.indexOf('*', p)
  if (star === -1 || star >= pEnd) return pEnd - p === vEnd - v && sameText(pattern, p, value, v, pEnd - p)
  if (pEnd - p === 1) return vEnd > v
  const lastStar = pattern.lastIndexOf('*', pEnd - 1)
  const [before, after] = [star - p, pEnd - 1 - lastStar]
  if (vEnd - v < before + after) return false
  const end = vEnd - after
  if (!sameText(pattern, p, value, v, before) || !sameText(pattern, lastStar + 1, value, end, after)) return false
  // Leftmost placement of each middle literal is enough, so that no step is ever undone (no backtracking, T1).
  let position = v + before
  for (let from = star; from < lastStar; ) {
    const next = pattern.indexOf('*', from + 1)
    const literal = pattern.slice(from + 1, next)
    const found = value.indexOf(literal, position)
    if (found === -1 || found + literal.length > end) return false
    position = found + literal.length
    from = next
  }
  return true
}

/** Whether the text of one segment matches the pattern of one segment. */
export function matchesSegment(pattern: string, text: string): boolean {
  return matchesPart(pattern, 0, pattern.length, text, 0, text.length)
}

/**
 * Whether the value matches a pattern that {@link parseGlob} accepts: anchored at both ends, and no step is undone. It reads the
 * pattern itself, so that a hundred thousand patterns cost no more memory than their text.
 */
export function matchesGlob(pattern: string, value: string): boolean {
  if (!pattern.includes('*')) return value === pattern
  if (CONTROL.test(value)) return false
  let [p, v] = [0, 0]
  for (;;) {
    const pEnd = segmentEnd(pattern, p)
    if (pEnd - p === 2 && pattern.startsWith('**', p)) return v < value.length
    const vEnd = segmentEnd(value, v)
    if (!matchesPart(pattern, p, pEnd, value, v, vEnd)) return false
    if (pEnd === pattern.length || vEnd === value.length) return pEnd === pattern.length && vEnd === value.length
    if (pattern[pEnd] !== value[vEnd]) return false
    p = pEnd + 1
    v = vEnd + 1
  }
}
