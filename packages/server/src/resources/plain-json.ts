import type { JsonValue } from '../lib/index.ts'
import { pointerTo } from './pointer.ts'
import type { Problem } from './types.ts'

/** How deep a document may nest; the same for files and HTTP bodies. */
export const MAX_DEPTH = 16

/** How many values (members, items) one document may hold. */
const MAX_VALUES = 50_000

/** A value rebuilt as plain JSON, or why that is impossible. */
export type PlainJson = { readonly value: JsonValue } | { readonly problems: readonly Problem[] }

function fault(code: string, pointer: string, detail: string, fix: string): Problem {
  return { severity: 'error', code, pointer, detail, fix }
}

/**
 * Rebuilds an untrusted value as plain JSON with own enumerable members only. Refuses what JSON or a database cannot carry
 * (functions, NaN, lone surrogates, U+0000), nesting beyond {@link MAX_DEPTH}, and `__proto__`: schema libraries drop that
 * member silently, and a condition that is dropped admits more than its author wrote.
 */
export function toPlainJson(input: unknown): PlainJson {
  const problems: Problem[] = []
  let values = 0

  function rebuild(value: unknown, pointer: string, depth: number): JsonValue {
    values += 1
    if (values === MAX_VALUES) {
      problems.push(fault('too_large', pointer, 'the document holds too many values', 'split it into several'))
    }
    if (values >= MAX_VALUES) return null
    if (value === null || typeof value === 'boolean') return value
    if (typeof value === 'string') {
      if (!value.isWellFormed() || value.includes('\u0000')) {
        problems.push(fault('bad_text', pointer, 'the text holds a character that cannot be stored', 'remove it'))
        return ''
      }
      return value
    }
    if (typeof value === 'number') {
      if (Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))) return value
      problems.push(fault('bad_number', pointer, 'the number is not exactly representable', 'write it as quoted text'))
      return 0
    }
    if (typeof value !== 'object') {
      problems.push(
        fault('not_json', pointer, `a ${typeof value} is not a JSON value`, 'use text, a number, or a list'),
      )
      return null
    }
    if (depth > MAX_DEPTH) {
      problems.push(fault('too_deep', pointer, `nested deeper than ${MAX_DEPTH} levels`, 'flatten the document'))
      return null
    }
    if (Array.isArray(value)) return value.map((item, index) => rebuild(item, pointerTo(pointer, index), depth + 1))
    const members: [string, JsonValue][] = []
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue
      const at = pointerTo(pointer, name)
      if (name === '__proto__' || !name.isWellFormed() || name.includes('\u0000')) {
        problems.push(fault('forbidden_member', at, 'this member name is not allowed', 'remove the member'))
        continue
      }
      members.push([name, rebuild(member, at, depth + 1)])
    }
    return Object.fromEntries(members)
  }

  const value = rebuild(input, '', 1)
  return problems.length > 0 ? { problems } : { value }
}
