const UPPER = /[A-Z]/

/**
 * Lowers A-Z and nothing else. Unicode case folding would make two different names equal (`ſ` and `s`, `K` and `k`),
 * which the platforms do not; used only for claims whose preset says `caseInsensitive` (T34).
 */
export function foldAsciiCase(text: string): string {
  // Only strings that hold a capital pay for the replacement.
  return UPPER.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text
}
