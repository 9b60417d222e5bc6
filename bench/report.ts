import type { Machine } from './machine.ts'

/** One measured number that design section 12 sets a limit for. */
export interface Bar {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** At most (or, with `atLeast`, at least) this much. */
  readonly limit?: number
  readonly atLeast?: boolean
}

/** What a benchmark gives: rows for people and bars for machines. */
export interface BenchResult {
  readonly rows: readonly Readonly<Record<string, string | number>>[]
  readonly bars: readonly Bar[]
  readonly notes: readonly string[]
}

/** The one document of `--output json`. */
export interface BenchDocument extends BenchResult {
  readonly bench: string
  readonly machine: Machine
  readonly measured_at: string
}

/** Whether a bar holds; one without a limit always does. */
export function holds({ value, limit, atLeast }: Bar): boolean {
  if (limit === undefined) return true
  return atLeast ? value >= limit : value <= limit
}

/** The document as a table for a terminal. */
export function renderTable(document: BenchDocument): string {
  const { machine, rows, bars, notes } = document
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = rows.map((row) => columns.map((column) => String(row[column] ?? '')))
  const widths = columns.map((column, index) => Math.max(column.length, ...cells.map((row) => row[index]?.length ?? 0)))
  const line = (values: readonly string[]) =>
    values
      .map((value, index) => (index === 0 ? value.padEnd(widths[index] ?? 0) : value.padStart(widths[index] ?? 0)))
      .join('  ')
  const barLines = bars.map((bar) => {
    const limit = bar.limit === undefined ? '' : `${bar.atLeast ? '>=' : '<='} ${bar.limit}`
    return `  ${holds(bar) ? 'ok  ' : 'MISS'} ${bar.name.padEnd(34)} ${String(bar.value).padStart(10)} ${bar.unit.padEnd(6)} ${limit}`
  })
  return [
    `${document.bench}   ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
    '',
    line(columns),
    ...cells.map(line),
    '',
    ...barLines,
    ...notes.map((note) => `  note: ${note}`),
    '',
  ].join('\n')
}
