import { type Glob, type GlobSegment, matchesSegment, parseGlob } from './glob.ts'

function segmentInside(inner: GlobSegment, outer: GlobSegment): boolean {
  const [i, o] = [inner.parts, outer.parts]
  if (i.length === 1) return matchesSegment(o.join('*'), i[0] ?? '')
  if (i.length === o.length && i.every((part, index) => part === o[index])) return true
  // What follows holds for `prefix*suffix` only; with more wildcards it is left unproven.
  if (o.length !== 2) return false
  const isLoneStar = o[0] === '' && o[1] === ''
  // Any pattern but a lone star has a literal, so it never stands for an empty segment.
  if (isLoneStar) return true
  return (i[0] ?? '').startsWith(o[0] ?? '') && (i.at(-1) ?? '').endsWith(o[1] ?? '')
}

function neverEmpty(segments: readonly GlobSegment[], rest: boolean): boolean {
  const [first] = segments
  if (first === undefined) return rest
  return first.separator !== '' || first.parts.length > 1 || first.parts[0] !== ''
}

/**
 * Whether every value that the inner pattern matches is provably matched by the outer one. False means unproven, so that an
 * unproven change counts as a widening.
 */
export function globInside(innerPattern: string, outerPattern: string): boolean {
  if (innerPattern === outerPattern) return true
  const [inner, outer] = [parseGlob(innerPattern), parseGlob(outerPattern)]
  if (!('glob' in inner) || !('glob' in outer)) return false
  return parsedInside(inner.glob, outer.glob)
}

function parsedInside(inner: Glob, outer: Glob): boolean {
  const headInside = outer.segments.every((segment, index) => {
    const other = inner.segments[index]
    return other !== undefined && other.separator === segment.separator && segmentInside(other, segment)
  })
  if (!headInside) return false
  const remaining = inner.segments.slice(outer.segments.length)
  return outer.rest ? neverEmpty(remaining, inner.rest) : remaining.length === 0 && !inner.rest
}
