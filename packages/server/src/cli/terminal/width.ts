const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const COMBINING = /\p{Mark}/u

/** How many columns a terminal needs for the text: East Asian wide characters take two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (character >= ' ' && character <= '~') width += 1
    else if (!COMBINING.test(character)) width += WIDE.test(character) ? 2 : 1
  }
  return width
}

/** The text padded with spaces to a display width. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

/** The text cut to a display width, with `…` in place of what is missing. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  return `${take(text, Math.max(0, width - 1))}…`
}

/**
 * The text in lines of at most a display width; breaks after spaces, `/`, `:`, `,` and `@` where it can, inside a word where it
 * must. The lines joined give the text again, except for the spaces at the breaks.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let rest = text
  while (displayWidth(rest) > width) {
    const piece = take(rest, Math.max(1, width)) || (Array.from(rest)[0] ?? rest)
    const next = rest[piece.length]
    const soft = next === ' ' ? piece.length : lastBreak(piece)
    const line = rest.slice(0, soft > 0 ? soft : piece.length)
    // Only spaces: other white space belongs to the text.
    lines.push(line.replace(/ +$/, ''))
    rest = rest.slice(line.length).replace(/^ +/, '')
  }
  if (rest !== '' || lines.length === 0) lines.push(rest)
  return lines
}

function take(text: string, width: number): string {
  let taken = ''
  let used = 0
  for (const character of text) {
    used += displayWidth(character)
    if (used > width) break
    taken += character
  }
  return taken
}

function lastBreak(piece: string): number {
  for (let index = piece.length - 1; index > 0; index -= 1) {
    if (' /:,@'.includes(piece[index] ?? '')) return index + 1
  }
  return 0
}
