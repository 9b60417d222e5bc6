import type { JsonValue } from '../lib/index.ts'
import { type Cell, type Layout, renderTable } from './terminal/index.ts'
import { entry, list, member, show, text } from './wire.ts'

const RULES: Readonly<Record<string, string>> = {
  eq: 'equals',
  in: 'one of',
  notIn: 'none of',
  glob: 'segment *',
  exists: 'exists',
  lt: 'below',
  gt: 'above',
  cidr: 'in network',
}

// Absent, of the wrong type and different are three different things for who has to fix it.
const RESULTS: Readonly<Record<string, Cell>> = {
  ok: { text: 'ok', colour: 'good' },
  absent: { text: 'X missing', colour: 'bad' },
  wrong_type: { text: 'X wrong type', colour: 'bad' },
  different: { text: 'X differs', colour: 'bad' },
}

/** The conditions of a policy beside what came, in file order; values fold, they are never cut (the difference may be at the end). */
export function renderConditions(conditions: readonly JsonValue[], layout: Layout): string[] {
  const rows = conditions.map((condition): Cell[] => {
    const operator = show(member(condition, 'operator'))
    const actual = member(condition, 'actual')
    return [
      show(member(condition, 'claim')),
      entry(RULES, operator) ?? operator,
      show(member(condition, 'expected')),
      actual === undefined || actual === null ? '(absent)' : show(actual),
      entry(RESULTS, text(member(condition, 'outcome'))) ?? show(member(condition, 'outcome')),
    ]
  })
  return renderTable(['claim', 'rule', 'expected', 'actual', 'result'], rows, layout, { indent: 2, overflow: 'wrap' })
}

/** `3 of 6 conditions fail` */
export function countFailing(policy: JsonValue): string {
  const conditions = list(member(policy, 'conditions'))
  const failing = Number(member(policy, 'failing') ?? 0)
  return `${failing} of ${conditions.length} condition${conditions.length === 1 ? '' : 's'} ${failing === 1 ? 'fails' : 'fail'}`
}
