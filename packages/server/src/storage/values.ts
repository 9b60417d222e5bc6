import { ServiceError } from '../errors.ts'
import type { BatchColumnType } from './types.ts'

/** A value that both engines store and return alike. Booleans, dates and undefined are not among them. */
export type StorableValue = string | number | bigint | Uint8Array | null

/**
 * Refuses text that one engine would refuse and the other would alter: PostgreSQL has no NUL, and a lone surrogate becomes
 * U+FFFD on its way into UTF-8, so that what is read is not what was written.
 * @throws ServiceError `validation_failed`.
 */
export function assertStorableText(text: string): void {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new ServiceError('validation_failed', {
      detail: 'text with a NUL character or a lone surrogate cannot be stored',
    })
  }
}

/**
 * Refuses a query parameter that the engines do not treat alike.
 * @throws ServiceError `validation_failed` for text that cannot be stored, TypeError for a type that is not storable.
 */
export function assertStorable(value: unknown): asserts value is StorableValue {
  if (typeof value === 'string') {
    assertStorableText(value)
    return
  }
  if (value === null || typeof value === 'bigint' || value instanceof Uint8Array) return
  if (typeof value === 'number' && Number.isFinite(value)) return
  throw new TypeError(`a value of type ${value instanceof Date ? 'Date' : typeof value} cannot be stored`)
}

/**
 * Refuses a batch value that does not fit its column.
 * @throws ServiceError `validation_failed` for text that cannot be stored, TypeError for the wrong type.
 */
export function assertFits(value: unknown, type: BatchColumnType, column: string): void {
  if (value === null) return
  const fits =
    (type === 'text' && typeof value === 'string') ||
    (type === 'integer' && Number.isSafeInteger(value)) ||
    (type === 'bytes' && value instanceof Uint8Array)
  if (!fits) throw new TypeError(`column ${column} takes ${type} values`)
  if (typeof value === 'string') assertStorableText(value)
}

/**
 * A name from code as an SQL identifier.
 * @throws TypeError for a name that is not lower-case words with underscores: nothing else is ever used as one.
 */
export function quoteName(name: string): string {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) throw new TypeError('not a name of a table or column')
  return `"${name}"`
}
