import { isAscii, isUtf8 } from 'node:buffer'
import { CountersignError, type CountersignErrorCode } from '../errors.ts'

/** A value that JSON can carry. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue }

/** A JSON object. */
export type JsonObject = { readonly [name: string]: JsonValue }

/** Deepest nesting of objects and arrays that is read (V-03). */
export const MAX_JSON_DEPTH = 16

/** The codes with which bad JSON is refused: a token's own, or those of a fetched document. */
export interface JsonFaultCodes {
  readonly malformed: CountersignErrorCode
  readonly tooLarge: CountersignErrorCode
}

const TOKEN_FAULTS: JsonFaultCodes = { malformed: 'token_malformed', tooLarge: 'token_too_large' }

/**
 * The JSON object that the bytes hold, read as strictly as two different readers could be made to agree on:
 * fatal UTF-8, no byte order mark, at most {@link MAX_JSON_DEPTH} levels, no duplicate member at any depth, no member
 * `__proto__`, no lone surrogate, no number that a double would change (RFC 8259 sections 4 and 8, RFC 7493 section 2).
 * Duplicates matter because the signature covers both and readers differ in which one they believe.
 *
 * @throws CountersignError `token_malformed` or `token_too_large`, or the codes given. The cause is never attached:
 * the messages of JSON.parse quote the text.
 */
export function parseStrictJsonObject(bytes: Buffer, faults: JsonFaultCodes = TOKEN_FAULTS): JsonObject {
  const text = decodeText(bytes, faults)
  // More opening brackets than the limit may still be shallow; only then is it worth looking closely.
  if (hasManyBrackets(text)) refuseDeep(text, faults)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new CountersignError(faults.malformed, { reason: 'a segment is not JSON' })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CountersignError(faults.malformed, { reason: 'a segment is not a JSON object' })
  }
  // JSON.stringify never writes a member twice, so equality proves that none was lost. Escapes and `__proto__` survive
  // the round trip and are left to the scanner.
  if (text.includes('\\') || text.includes('__proto__') || JSON.stringify(value) !== text) scanMembers(text, faults)
  return value as JsonObject
}

function decodeText(bytes: Buffer, faults: JsonFaultCodes): string {
  if (isAscii(bytes)) return bytes.toString('latin1')
  if (!isUtf8(bytes)) throw new CountersignError(faults.malformed, { reason: 'a segment is not UTF-8' })
  // RFC 8259 section 8.1: a byte order mark is not part of JSON text.
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new CountersignError(faults.malformed, { reason: 'a segment starts with a byte order mark' })
  }
  return bytes.toString('utf8')
}

function hasManyBrackets(text: string): boolean {
  let count = 0
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++count > MAX_JSON_DEPTH) return true
    }
  }
  return false
}

// Runs before JSON.parse, on text that need not be JSON.
function refuseDeep(text: string, faults: JsonFaultCodes): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (inString) {
      if (char === 0x5c) i++
      else if (char === 0x22) inString = false
    } else if (char === 0x22) inString = true
    else if (char === 0x7b || char === 0x5b) {
      depth++
      if (depth > MAX_JSON_DEPTH) throw new CountersignError(faults.tooLarge, { reason: 'JSON is nested too deep' })
    } else if (char === 0x7d || char === 0x5d) depth--
  }
}

const TOKENS = /"((?:[^"\\]|\\.)*)"(\s*:)?|[{}[\]]|-?\d[\d.eE+-]*/gsu
const INTEGER = /^-?\d+$/

// Walks text that JSON.parse has accepted, so the grammar is known to hold and only the members are looked at. A
// string followed by a colon is a member name; nothing else can be in JSON.
function scanMembers(text: string, faults: JsonFaultCodes): void {
  const open: (Set<string> | undefined)[] = []
  for (const match of text.matchAll(TOKENS)) {
    const [token, quoted, colon] = match
    if (quoted !== undefined) {
      const string = quoted.includes('\\') ? (JSON.parse(`"${quoted}"`) as string) : quoted
      if (!string.isWellFormed()) {
        throw new CountersignError(faults.malformed, { reason: 'a string holds a lone surrogate' })
      }
      if (colon !== undefined) refuseMember(string, open.at(-1), faults)
    } else if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else refuseNumber(token, faults)
  }
}

function refuseMember(name: string, members: Set<string> | undefined, faults: JsonFaultCodes): void {
  if (members?.has(name)) throw new CountersignError(faults.malformed, { reason: 'a member name occurs twice' })
  // An own member of this name turns into a prototype when claims are copied with Object.assign.
  if (name === '__proto__') throw new CountersignError(faults.malformed, { reason: 'a member is named __proto__' })
  members?.add(name)
}

// RFC 7493 section 2.2: beyond these a reader silently changes the number, and two identifiers become one.
function refuseNumber(literal: string, faults: JsonFaultCodes): void {
  const value = Number(literal)
  const changed = INTEGER.test(literal) && literal !== '-0' && String(value) !== literal
  if (changed || !Number.isFinite(value)) {
    throw new CountersignError(faults.malformed, { reason: 'a number is beyond what JSON readers agree on' })
  }
}
