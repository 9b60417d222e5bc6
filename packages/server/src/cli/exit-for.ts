import { ERRORS, type ErrorCode } from '../errors.ts'
import { EXITS } from './exits.ts'

// What the status alone would get wrong: answers of no, and a start that fails until somebody changes something.
const BY_CODE: Partial<Record<ErrorCode, number>> = {
  not_found: EXITS.no,
  audit_invalid: EXITS.no,
  config_invalid: EXITS.usage,
  data_directory_unusable: EXITS.usage,
  address_unusable: EXITS.usage,
  store_corrupt: EXITS.usage,
  schema_newer: EXITS.usage,
  schema_older: EXITS.usage,
  seal_key_wrong: EXITS.usage,
  seal_key_missing: EXITS.usage,
  seal_refused: EXITS.usage,
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
