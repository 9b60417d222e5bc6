import { ERRORS, type ErrorCode } from '../errors.ts'

/** The exit codes of every command; stable within a major version. */
export const EXITS = {
  yes: 0,
  no: 1,
  usage: 2,
  unavailable: 3,
  unauthorised: 4,
  conflict: 5,
  interrupted: 130,
} as const

/** What each exit code says, for help and reference. */
export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [EXITS.yes, 'done, or the answer is yes'],
  [EXITS.no, 'the answer is no: denied, a difference or finding exists, not found, verification failed'],
  [EXITS.usage, 'wrong usage or invalid input: do not retry'],
  [EXITS.unavailable, 'unavailable, timed out or asked to slow down: retry later'],
  [EXITS.unauthorised, 'no credential, or no permission'],
  [EXITS.conflict, 'conflict: changed meanwhile, exists already, or widens without consent'],
  [EXITS.interrupted, 'interrupted'],
]

// What the status alone would get wrong: answers of no, and a start that fails until somebody changes something.
const BY_CODE: Partial<Record<ErrorCode, number>> = {
  not_found: EXITS.no,
  audit_invalid: EXITS.no,
  config_invalid: EXITS.usage,
  data_directory_unusable: EXITS.usage,
  store_corrupt: EXITS.usage,
  schema_newer: EXITS.usage,
  schema_older: EXITS.usage,
  seal_key_wrong: EXITS.usage,
  seal_key_missing: EXITS.usage,
}

/** Whether the text is a code of the product's error table. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

/** The exit code for a failure: by its code where known, else by the HTTP status it came with. */
export function exitFor(code: string, status?: number): number {
  if (isErrorCode(code)) {
    const known = BY_CODE[code]
    if (known !== undefined) return known
  }
  const effective = status ?? (isErrorCode(code) ? ERRORS[code].status : 500)
  if (effective === 404) return EXITS.no
  if (effective === 401 || effective === 403) return EXITS.unauthorised
  if (effective === 409 || effective === 412) return EXITS.conflict
  if (effective === 408 || effective === 429 || effective >= 500) return EXITS.unavailable
  return EXITS.usage
}
