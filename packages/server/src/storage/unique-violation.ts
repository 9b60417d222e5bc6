import { EmbeddedError } from './embedded/messages.ts'

const SQLITE_CONSTRAINT_PRIMARYKEY = 1555
const SQLITE_CONSTRAINT_UNIQUE = 2067

/** Whether a write failed because a row with one of its unique keys exists. */
export function isUniqueViolation(error: unknown): boolean {
  if (error instanceof EmbeddedError) {
    return error.errcode === SQLITE_CONSTRAINT_PRIMARYKEY || error.errcode === SQLITE_CONSTRAINT_UNIQUE
  }
  return error instanceof Error && 'code' in error && error.code === '23505'
}
