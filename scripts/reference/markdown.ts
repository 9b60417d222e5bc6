/** Opens every generated page: who reads it must know where a change belongs. */
export function generatedPage(title: string, source: string): string[] {
  return [
    `# ${title}`,
    '',
    `<!-- Generated from ${source} by \`npm run docs\`; change the source, not this file. -->`,
    '',
  ]
}

/** A table whose cells may hold anything: bars are escaped and line breaks become spaces. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line)]
}

/** Text as code, or nothing when there is none. */
export function code(text: string | undefined): string {
  return text === undefined || text === '' ? '' : `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')
}
