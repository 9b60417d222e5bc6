import type { Colour, Layout } from './layout.ts'
import { printable } from './printable.ts'
import { displayWidth, pad, truncate, wrap } from './width.ts'

const GAP = 2
const NARROWEST = 6

/** A cell: its text, and the colour of what it says. */
export type Cell = string | { readonly text: string; readonly colour: Colour }

/**
 * Rows as aligned columns. Off a terminal nothing is shortened; on one, columns give up width in the order of their size and
 * cells are cut (`truncate`) or continued below (`wrap`, for comparisons, where the end of a value matters).
 */
export function renderTable(
  header: readonly string[] | undefined,
  rows: readonly (readonly Cell[])[],
  layout: Layout,
  options: { indent?: number; overflow?: 'truncate' | 'wrap' } = {},
): string[] {
  const indent = ' '.repeat(options.indent ?? 0)
  const texts = rows.map((row) => row.map((cell) => printable(typeof cell === 'string' ? cell : cell.text)))
  const columns = Math.max(header?.length ?? 0, ...texts.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(displayWidth(header?.[column] ?? ''), 0, ...texts.map((row) => displayWidth(row[column] ?? ''))),
  )
  if (layout.width !== undefined) shrink(widths, layout.width - indent.length - GAP * (columns - 1))

  const lines: string[] = []
  if (header) {
    const titles = header.map((title, column) => truncate(title, widths[column] ?? 0))
    lines.push(indent + layout.paint('faint', joinCells(titles, widths)))
  }
  for (const [index, row] of texts.entries()) {
    const colours = rows[index]?.map((cell) => (typeof cell === 'string' ? undefined : cell.colour)) ?? []
    for (const line of foldRow(row, widths, options.overflow ?? 'truncate')) {
      lines.push(
        (indent + joinCells(line, widths, (column, text) => paintCell(layout, colours[column], text))).trimEnd(),
      )
    }
  }
  return lines
}

function foldRow(row: readonly string[], widths: readonly number[], overflow: 'truncate' | 'wrap'): string[][] {
  if (overflow === 'truncate') return [row.map((text, column) => truncate(text, widths[column] ?? 0))]
  const folded = row.map((text, column) => wrap(text, widths[column] ?? 1))
  const height = Math.max(1, ...folded.map((lines) => lines.length))
  return Array.from({ length: height }, (_, line) => folded.map((lines) => lines[line] ?? ''))
}

function paintCell(layout: Layout, colour: Colour | undefined, text: string): string {
  return colour === undefined ? text : layout.paint(colour, text)
}

function joinCells(
  cells: readonly string[],
  widths: readonly number[],
  paint: (column: number, text: string) => string = (_, text) => text,
): string {
  return cells
    .map((text, column) => {
      const padding =
        column === cells.length - 1 ? '' : ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(text)))
      return paint(column, text) + padding
    })
    .join(' '.repeat(GAP))
    .trimEnd()
}

// The widest columns give first, all of one width alike: short ids and states stay readable while long values fold.
function shrink(widths: number[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - available
  while (excess > 0) {
    const widest = Math.max(...widths)
    if (widest <= NARROWEST) return
    const next = Math.max(NARROWEST, ...widths.filter((width) => width < widest))
    const givers = widths.flatMap((width, index) => (width === widest ? [index] : []))
    const each = Math.max(1, Math.min(widest - next, Math.floor(excess / givers.length)))
    for (const index of givers) {
      if (excess <= 0) return
      widths[index] = widest - each
      excess -= each
    }
  }
}

/** `name  value` lines, values aligned and, on a terminal, folded under themselves. Values of undefined are left out. */
export function renderFields(
  fields: readonly (readonly [string, Cell | undefined])[],
  layout: Layout,
  options: { indent?: number } = {},
): string[] {
  const present = fields.filter((field): field is readonly [string, Cell] => field[1] !== undefined)
  const width = Math.max(0, ...present.map(([name]) => displayWidth(name)))
  return present.flatMap(([name, value]) =>
    renderTable(undefined, [[pad(name, width), value]], fixFirst(layout, width), { ...options, overflow: 'wrap' }),
  )
}

// The names are short; only the values may fold.
function fixFirst(layout: Layout, width: number): Layout {
  if (layout.width === undefined) return layout
  return { ...layout, width: Math.max(layout.width, width + GAP + NARROWEST * 3) }
}
