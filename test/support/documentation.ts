/** Reads the documentation the way a reader does who pastes from it: fenced blocks in their order, with the file that each is for. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The repository. */
export const ROOT = join(import.meta.dirname, '../..')

/** A fenced block of a page. */
export interface Block {
  readonly language: string
  /** The file that the block is the content of, from `title=`. */
  readonly title: string | undefined
  /** Its commands are executed by tests. */
  readonly run: boolean
  readonly text: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  /** Text of the nearest heading above. */
  readonly section: string
}

/** Every fenced block of a Markdown file, by its path from the repository's root. */
export function readBlocks(file: string): Block[] {
  const blocks: Block[] = []
  let section = ''
  let open: { indent: string; info: string; line: number; lines: string[] } | undefined
  for (const [index, line] of readFileSync(join(ROOT, file), 'utf8').split('\n').entries()) {
    const fence = /^(\s*)```(.*)$/.exec(line)
    if (!fence) {
      if (open) open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
      else section = /^#+ (.*)$/.exec(line)?.[1] ?? section
      continue
    }
    if (!open) {
      open = { indent: fence[1] ?? '', info: fence[2] ?? '', line: index + 1, lines: [] }
      continue
    }
    const [language = '', ...words] = open.info.split(' ')
    blocks.push({
      language,
      title: words.find((word) => word.startsWith('title='))?.slice('title='.length),
      run: words.includes('run'),
      text: `${open.lines.join('\n')}\n`,
      line: open.line,
      section,
    })
    open = undefined
  }
  return blocks
}
