import { ServiceError } from '../errors.ts'
import type { JsonValue } from '../lib/index.ts'

/** How deep objects and arrays may be nested in a request. */
export const MAX_JSON_DEPTH = 16

interface Container {
  /** Names seen so far; undefined for an array. */
  readonly names: Set<string> | undefined
  expectsName: boolean
}

/**
 * Parses a JSON text (RFC 8259) that cannot be read two ways: UTF-8 without BOM, no member twice in one object, no `__proto__`,
 * at most {@link MAX_JSON_DEPTH} deep, and no text that a database cannot store (U+0000, lone surrogates).
 * @throws ServiceError validation_failed; the detail never quotes the input
 */
export function parseStrictJson(bytes: Uint8Array, maxDepth: number = MAX_JSON_DEPTH): JsonValue {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed('json_encoding', 'the body is not UTF-8')
  }
  // Before JSON.parse, which keeps the last of two equal members without a word (T: two readers, two meanings).
  scan(text, maxDepth)
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    throw malformed('json_syntax', 'the body is not JSON')
  }
}

function malformed(code: string, detail: string): ServiceError {
  return new ServiceError('validation_failed', {
    detail,
    problems: [{ pointer: '', code, detail, fix: 'send one JSON text as RFC 8259 defines it' }],
  })
}

// Looks at structure only; whatever is not JSON at all is left to JSON.parse, which runs on the same text afterwards.
function scan(text: string, maxDepth: number): void {
  const open: Container[] = []
  for (let index = 0; index < text.length; index += 1) {
    const top = open.at(-1)
    switch (text[index]) {
      case '{':
      case '[': {
        const isObject = text[index] === '{'
        open.push({ names: isObject ? new Set() : undefined, expectsName: isObject })
        if (open.length > maxDepth) throw malformed('json_depth', `nested deeper than ${maxDepth} levels`)
        break
      }
      case '}':
      case ']':
        open.pop()
        break
      case ',':
        if (top) top.expectsName = top.names !== undefined
        break
      case '"': {
        const end = endOfString(text, index)
        const value = decodeString(text, index, end)
        if (value === undefined) throw malformed('json_syntax', 'the body is not JSON')
        if (value.includes('\0') || !value.isWellFormed()) {
          throw malformed('json_text', 'a string holds U+0000 or half a surrogate pair')
        }
        if (top?.names && top.expectsName) {
          if (top.names.has(value)) throw malformed('json_duplicate', 'an object names the same member twice')
          if (value === '__proto__') throw malformed('json_name', 'a member must not be named __proto__')
          top.names.add(value)
          top.expectsName = false
        }
        index = end
        break
      }
    }
  }
}

function endOfString(text: string, start: number): number {
  let index = start + 1
  while (index < text.length && text[index] !== '"') index += text[index] === '\\' ? 2 : 1
  return index
}

function decodeString(text: string, start: number, end: number): string | undefined {
  const raw = text.slice(start + 1, end)
  if (!raw.includes('\\')) return raw
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    return undefined
  }
}
