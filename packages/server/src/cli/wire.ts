import type { JsonObject, JsonValue } from '../lib/index.ts'

// Answers come from a server that may be newer or older than this CLI: each member is read for what it is, never assumed.

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member of an object; undefined when the value is no object or has none. */
export function member(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

/** The value if it is a string. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The value if it is a number. */
export function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The value if it is an array, else none. */
export function list(value: unknown): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : []
}

/** A value as a person reads it: text bare, absent as `-`, anything else as JSON. */
export function show(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '-'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The entry of a table of ours under a name that came from outside; `constructor` and the like are no entries. */
export function entry<Value>(table: Readonly<Record<string, Value>>, name: string | undefined): Value | undefined {
  return name !== undefined && Object.hasOwn(table, name) ? table[name] : undefined
}
