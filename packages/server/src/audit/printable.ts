// Cc: C0, DEL, C1 (ANSI escapes begin here). Cf: bidi overrides, zero-width characters, tags. Zl, Zp: line separators that some
// viewers break at. Cs: lone surrogates. The backslash itself, so that nothing printed can pass for an escape.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\\]/gu

/**
 * Text that cannot forge a line, move a terminal's cursor or turn the reading direction around: every control, format
 * and separator character is written as an escape (`\n`, `\u001b`, `\u{e0001}`), and a backslash as two.
 * Different inputs give different outputs.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    if (character === '\\') return '\\\\'
    if (character === '\n') return '\\n'
    if (character === '\r') return '\\r'
    if (character === '\t') return '\\t'
    const point = character.codePointAt(0) ?? 0
    return point > 0xffff ? `\\u{${point.toString(16)}}` : `\\u${point.toString(16).padStart(4, '0')}`
  })
}
