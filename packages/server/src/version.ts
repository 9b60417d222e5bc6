/** The version of this package; the release sets it together with package.json (a test compares the two). */
export const VERSION = '0.1.0'
