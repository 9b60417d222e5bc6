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

/** Whether the text of one segment fits the literal parts between wildcards. */
export function matchesSegment(parts: readonly string[], text: string): boolean {
  const first = parts[0] ?? ''
  if (parts.length === 1) return text === first
  const last = parts[parts.length - 1] ?? ''
  if (parts.length === 2 && first === '' && last === '') return text.length > 0
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
  // Leftmost placement of each middle part is enough, so that no step is ever undone (no backtracking, T1).
  const end = text.length - last.length
  let position = first.length
  for (let index = 1; index < parts.length - 1; index += 1) {
    const part = parts[index] ?? ''
    const found = text.indexOf(part, position)
    if (found === -1 || found + part.length > end) return false
    position = found + part.length
  }
  return true
}

/** A matcher for a parsed pattern: anchored at both ends, linear in the length of the value for a given pattern. */
export function globMatcher(glob: Glob): (value: string) => boolean {
  const { segments, rest } = glob
  const literal = !rest && segments.every((segment) => segment.parts.length === 1)
  if (literal) {
    const exact = segments.map((segment) => (segment.parts[0] ?? '') + segment.separator).join('')
    return (value) => value === exact
  }
  return (value) => {
    if (CONTROL.test(value)) return false
    let start = 0
    for (const segment of segments) {
      let end = start
      while (end < value.length && value[end] !== '/' && value[end] !== ':') end += 1
      if (!matchesSegment(segment.parts, value.slice(start, end))) return false
      if ((value[end] ?? '') !== segment.separator) return false
      start = end + 1
    }
    return rest ? start < value.length : true
  }
}
