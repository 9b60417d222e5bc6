/** Links of Markdown files, and the anchors that their headings make on a page. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './documentation.ts'

/** The text of a file without its fenced blocks: what is shown as code links nowhere. */
function prose(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8').replaceAll(/^\s*```[\s\S]*?^\s*```$/gm, '')
}

/** Targets of the inline links of a file. */
export function linksOf(file: string): string[] {
  return [...prose(file).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
}

/** The anchors of a file: explicit ids, and headings as GitHub makes them. */
export function anchorsOf(file: string): ReadonlySet<string> {
  const text = prose(file)
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  const ids = [...text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1] ?? '')
  return new Set([...headings, ...ids])
}
