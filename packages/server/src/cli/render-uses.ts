import type { JsonValue } from '../lib/index.ts'
import { type Layout, printable, renderTable } from './terminal/index.ts'
import { list, member, number, show } from './wire.ts'

const COUNTS = ['issuances', 'signed', 'unsigned', 'pending'] as const
const HEADER = ['KEY', 'POLICY', 'ISSUED', 'SIGNED', 'UNSIGNED', 'OPEN']
const BAR_WIDTH = 40

/** The uses of signing keys: the verdict, a row for each key and policy, and a bar for each hour of each key. */
export function renderUses(uses: JsonValue, layout: Layout): string {
  const keys = list(member(uses, 'keys'))
  const isReconciled = member(uses, 'reconciled') === true
  const [issued, signed, unsigned, open] = countsOf(uses)
  const verdict = isReconciled ? layout.paint('good', 'RECONCILED') : layout.paint('bad', 'NOT RECONCILED')
  const lines = [
    `${verdict}  ${issued} issued = ${signed} signed + ${unsigned} unsigned + ${open} open`,
    printable(`from ${show(member(uses, 'from'))} to ${show(member(uses, 'to'))}`),
  ]
  if (keys.length === 0) return lines.join('\n')
  const rows = keys.flatMap((key) =>
    list(member(key, 'by_policy')).map((policy, index) => [
      index === 0 ? show(member(key, 'kid')) : '',
      show(member(policy, 'policy_id')),
      ...countsOf(policy).map(String),
    ]),
  )
  lines.push('', ...renderTable(HEADER, rows, layout))
  for (const key of keys) lines.push('', printable(show(member(key, 'kid'))), ...renderHours(key, layout))
  return lines.join('\n')
}

function renderHours(key: JsonValue, layout: Layout): string[] {
  const hours = list(member(key, 'by_hour'))
  const largest = Math.max(1, ...hours.map((hour) => countsOf(hour)[0]))
  const rows = hours.map((hour) => {
    const [issued] = countsOf(hour)
    // Any use shows: an hour with one signature is what somebody may be looking for.
    const bar = '#'.repeat(Math.max(issued > 0 ? 1 : 0, Math.round((issued / largest) * BAR_WIDTH)))
    return [show(member(hour, 'hour')).slice(0, 16), String(issued), bar]
  })
  return renderTable(undefined, rows, layout, { indent: 2 })
}

function countsOf(value: JsonValue): readonly [number, number, number, number] {
  const [issued = 0, signed = 0, unsigned = 0, open = 0] = COUNTS.map((name) => number(member(value, name)) ?? 0)
  return [issued, signed, unsigned, open]
}
