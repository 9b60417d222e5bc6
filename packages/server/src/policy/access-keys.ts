import { foldAsciiCase } from '../lib/index.ts'
import { parseGlob } from './glob.ts'
import type { Condition } from './types.ts'

/**
 * Where in a claim a key is looked up: the whole value; one segment of it; or a literal of known length at the start, at the end
 * or anywhere in one segment.
 */
export interface Probe {
  readonly claim: string
  readonly foldCase: boolean
  readonly aspect: 'value' | 'segment' | 'prefix' | 'suffix' | 'infix'
  /** Which segment, from 0; not used by `value`. */
  readonly segment: number
  /** Length of the literal for prefix, suffix and infix; else 0. */
  readonly length: number
}

/** A probe and what must be found there. */
export interface AccessKey {
  readonly probe: Probe
  readonly key: string | number | boolean
}

/** Makes each distinct probe once, so that probes are compared by identity. */
export type FindProbe = (probe: Probe) => Probe

/** A new table of probes, for one index. */
export function createProbeTable(): FindProbe {
  const probes = new Map<string, Probe>()
  return (probe) => {
    const name = `${probe.aspect} ${probe.segment} ${probe.length} ${probe.foldCase ? 1 : 0} ${probe.claim}`
    const known = probes.get(name)
    if (known) return known
    probes.set(name, probe)
    return probe
  }
}

// Every position of a claim is looked up once for each of these lengths, so they are few, also for the longest claim (S-10).
const INFIX_LENGTHS = [32, 16, 8, 4]

/** More values of an `in` than this are not indexed, so that the index stays proportional to the policies. */
const MAX_ALTERNATIVES = 64

function globKeys(condition: Condition & { operator: 'glob' }, foldCase: boolean, findProbe: FindProbe): AccessKey[] {
  const parsed = parseGlob(foldCase ? foldAsciiCase(condition.pattern) : condition.pattern)
  if ('fault' in parsed) return []
  const base = { claim: condition.claim, foldCase }
  const keys: AccessKey[] = []
  const literal = (aspect: 'prefix' | 'suffix' | 'infix', segment: number, key: string) => {
    if (key !== '') keys.push({ probe: findProbe({ ...base, aspect, segment, length: key.length }), key })
  }
  for (const [segment, { parts }] of parsed.glob.segments.entries()) {
    if (parts.length === 1) {
      keys.push({ probe: findProbe({ ...base, aspect: 'segment', segment, length: 0 }), key: parts[0] ?? '' })
      continue
    }
    literal('prefix', segment, parts[0] ?? '')
    literal('suffix', segment, parts.at(-1) ?? '')
    for (const part of parts.slice(1, -1)) {
      const length = INFIX_LENGTHS.find((candidate) => candidate <= part.length)
      if (length === undefined) continue
      literal('infix', segment, part.slice(0, length))
      literal('infix', segment, part.slice(-length))
    }
  }
  return keys
}

/**
 * The access keys of a condition: each inner list is a choice of which at least one key is found in every claim that meets the
 * condition. `findProbe` makes equal probes one. Conditions that cannot be looked up (notIn, exists, lt, gt, cidr) have none.
 */
export function accessKeys(condition: Condition, findProbe: FindProbe): readonly (readonly AccessKey[])[] {
  const foldCase = condition.foldCase === true
  const whole = (value: string | number | boolean): AccessKey => ({
    probe: findProbe({ claim: condition.claim, foldCase, aspect: 'value', segment: 0, length: 0 }),
    key: foldCase && typeof value === 'string' ? foldAsciiCase(value) : value,
  })
  switch (condition.operator) {
    case 'eq':
      return [[whole(condition.value)]]
    case 'in':
      return condition.values.length <= MAX_ALTERNATIVES ? [condition.values.map(whole)] : []
    case 'glob':
      return globKeys(condition, foldCase, findProbe).map((key) => [key])
    default:
      return []
  }
}
