/** A value that JSON can carry. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue }

/** A JSON object. */
export type JsonObject = { readonly [name: string]: JsonValue }

/**
 * The RFC 8785 canonical text of a value: members sorted by UTF-16 code units, no white space, ECMAScript numbers.
 * Equal values give equal text, so that a hash of it names the value.
 * @throws TypeError for NaN, infinities, and strings with lone surrogates (RFC 8785 section 3.2.2.2).
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('a lone surrogate has no canonical form')
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number that is not finite has no canonical form')
    return JSON.stringify(value)
  }
  if (value === null || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => canonicalJson(item)).join(',')}]`
  const object = value as JsonObject
  const members: string[] = []
  for (const name of Object.keys(object).sort()) {
    const member = object[name]
    if (member !== undefined) members.push(`${canonicalJson(name)}:${canonicalJson(member)}`)
  }
  return `{${members.join(',')}}`
}
