import type { Layout } from './layout.ts'
import { printable } from './printable.ts'
import { displayWidth, wrap } from './width.ts'

/** Text with a mark before its first line, folded under itself. */
export function hang(mark: string, words: string, layout: Layout, markWidth = displayWidth(mark)): string[] {
  const safe = printable(words)
  const folded = layout.width === undefined ? [safe] : wrap(safe, Math.max(10, layout.width - markWidth))
  return folded.map((line, index) => (index === 0 ? mark : ' '.repeat(markWidth)) + line)
}
