// Cc: C0, DEL and C1, where escape sequences and line breaks begin. Cf: directional, zero-width and tag characters, which reorder
// or hide text. Zl, Zp: line separators of some viewers. Cs: lone surrogates.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * Text that is safe to print on a terminal and into a log line: every character that could act instead of being seen is
 * written as `\u{hex}`. Text of servers, tokens and files passes here before it is printed.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/**
 * JSON text whose strings carry no raw character that `printable` would escape; parses to the same value.
 * The layout's own line breaks stay.
 */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, (character) => {
    if (character === '\n') return character
    return [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join('')
  })
}

/** Whether `printable` would change the text. */
export function isPrintable(text: string): boolean {
  return text.search(UNSAFE) === -1
}
