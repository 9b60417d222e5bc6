import type { ClaimValue } from '../attestors/index.ts'
import { foldAsciiCase } from '../lib/index.ts'
import type { Probe } from './access-keys.ts'
import { splitSegments } from './glob.ts'
import { claimValue } from './operators.ts'

type Scalar = string | number | boolean

interface Candidate {
  readonly value: Scalar
  /** The texts between separators; split when first asked for. */
  segments: readonly string[] | undefined
}

/** The claims of one attestation, folded and split once per decision however many probes ask for them. */
export interface ClaimView {
  /** Calls back for each key that the claim holds where the probe looks; a key may come more than once. */
  forEachKey(probe: Probe, visit: (key: Scalar) => void): void
}

function candidatesOf(value: ClaimValue | undefined, foldCase: boolean): readonly Candidate[] {
  if (value === undefined) return []
  const values: readonly Scalar[] = typeof value === 'object' ? value : [value]
  return values.map((value) => ({
    value: foldCase && typeof value === 'string' ? foldAsciiCase(value) : value,
    segments: undefined,
  }))
}

function segmentOf(candidate: Candidate, index: number): string | undefined {
  if (typeof candidate.value !== 'string') return undefined
  candidate.segments ??= splitSegments(candidate.value).map((segment) => segment.text)
  return candidate.segments[index]
}

/** Makes the view of an attestation's claims. */
export function viewClaims(claims: Readonly<Record<string, ClaimValue>>): ClaimView {
  const plain = new Map<string, readonly Candidate[]>()
  const folded = new Map<string, readonly Candidate[]>()
  return {
    forEachKey(probe, visit) {
      const known = probe.foldCase ? folded : plain
      let candidates = known.get(probe.claim)
      if (candidates === undefined) {
        candidates = candidatesOf(claimValue(claims, probe.claim), probe.foldCase)
        known.set(probe.claim, candidates)
      }
      for (const candidate of candidates) {
        if (probe.aspect === 'value') {
          visit(candidate.value)
          continue
        }
        const text = segmentOf(candidate, probe.segment)
        if (text === undefined) continue
        if (probe.aspect === 'segment') visit(text)
        else if (text.length < probe.length) continue
        else if (probe.aspect === 'prefix') visit(text.slice(0, probe.length))
        else if (probe.aspect === 'suffix') visit(text.slice(text.length - probe.length))
        else for (let at = 0; at + probe.length <= text.length; at += 1) visit(text.slice(at, at + probe.length))
      }
    },
  }
}
