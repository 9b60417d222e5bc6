import { canonicalJson, type JsonObject, type JsonValue } from '../lib/index.ts'
import { pointerTo } from './pointer.ts'

/** One member that differs: canonical JSON of both sides; an absent side is undefined. */
export interface Difference {
  readonly pointer: string
  readonly before?: string
  readonly after?: string
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The members in which two JSON values differ, sorted by pointer. Objects are compared member by member, lists as wholes
 * (the order of a list means something, and a reader wants to see it entire). Equal values give an empty list.
 */
export function differences(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  pointer = '',
): readonly Difference[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    return names.flatMap((name) =>
      differences(
        Object.hasOwn(before, name) ? before[name] : undefined,
        Object.hasOwn(after, name) ? after[name] : undefined,
        pointerTo(pointer, name),
      ),
    )
  }
  const left = before === undefined ? undefined : canonicalJson(before)
  const right = after === undefined ? undefined : canonicalJson(after)
  if (left === right) return []
  return [
    {
      pointer,
      ...(left === undefined ? {} : { before: left }),
      ...(right === undefined ? {} : { after: right }),
    },
  ]
}
