import type { JsonValue } from '../lib/index.ts'
import { type Cell, hang, type Layout, renderTable } from './terminal/index.ts'
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

// Below it a table of five columns folds names in the middle; conditions then come one under the other.
const TABLE_WIDTH = 80

/**
 * The conditions of a policy beside what came, in file order: a table, or on a narrow terminal one block each.
 * Values fold, they are never cut (the difference may be at the end).
 */
export function renderConditions(conditions: readonly JsonValue[], layout: Layout): string[] {
  const rows = conditions.map(toRow)
  if (layout.width === undefined || layout.width >= TABLE_WIDTH) {
    const cells = rows.map((row): Cell[] => [row.claim, row.rule, row.expected, row.actual, row.result])
    return renderTable(['claim', 'rule', 'expected', 'actual', 'result'], cells, layout, {
      indent: 2,
      overflow: 'wrap',
    })
  }
  return rows.flatMap((row) => [
    ...renderTable(undefined, [[row.claim, row.result]], layout, { indent: 2, overflow: 'wrap' }),
    ...hang(`    ${row.rule} `, row.expected, layout),
    ...hang('    came ', row.actual, layout),
  ])
}

function toRow(condition: JsonValue) {
  const operator = show(member(condition, 'operator'))
  const actual = member(condition, 'actual')
  const result: Cell = entry(RESULTS, text(member(condition, 'outcome'))) ?? show(member(condition, 'outcome'))
  return {
    claim: show(member(condition, 'claim')),
    rule: entry(RULES, operator) ?? operator,
    expected: show(member(condition, 'expected')),
    actual: actual === undefined || actual === null ? '(absent)' : show(actual),
    result,
  }
}

/** `3 of 6 conditions fail` */
export function countFailing(policy: JsonValue): string {
  const conditions = list(member(policy, 'conditions'))
  const failing = Number(member(policy, 'failing') ?? 0)
  return `${failing} of ${conditions.length} condition${conditions.length === 1 ? '' : 's'} ${failing === 1 ? 'fails' : 'fail'}`
}
