/** A value that JSON can carry. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue }

/** A JSON object. */
export type JsonObject = { readonly [name: string]: JsonValue }

// Printable ASCII without quote and backslash needs no escape: most of what is written here.
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form')
  return JSON.stringify(text)
}

/** Names in canonical order; sorting is for those that are not in it already. */
function sortedNames(object: JsonObject): readonly string[] {
  const names = Object.keys(object)
  for (let index = 1; index < names.length; index += 1) {
    if ((names[index - 1] ?? '') > (names[index] ?? '')) return names.sort()
  }
  return names
}

/**
 * The RFC 8785 canonical text of a value: members sorted by UTF-16 code units, no white space, ECMAScript numbers.
 * Equal values give equal text, so that a hash of it names the value.
 * @throws TypeError for NaN, infinities, and strings with lone surrogates (RFC 8785 section 3.2.2.2).
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number that is not finite has no canonical form')
    return JSON.stringify(value)
  }
  if (value === null || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => canonicalJson(item)).join(',')}]`
  const object = value as JsonObject
  let text = '{'
  for (const name of sortedNames(object)) {
    const member = object[name]
    if (member !== undefined) text += `${text === '{' ? '' : ','}${quote(name)}:${canonicalJson(member)}`
  }
  return `${text}}`
}
