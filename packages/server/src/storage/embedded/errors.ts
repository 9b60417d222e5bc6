import { ServiceError } from '../../errors.ts'
import { EmbeddedError, toFailure } from './messages.ts'

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26
/** BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL: the request was fine, the store was not. */
const OUT_OF_REACH = new Set([5, 6, 7, 8, 9, 10, 13, 14, 15])

/** The failure in storage's terms; what a statement itself did wrong stays as it is. */
export function translateEmbedded(error: unknown): unknown {
  const { errcode, message } = toFailure(error)
  if (errcode === undefined || errcode === 0) return error
  const primary = errcode & 0xff
  if (primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB) {
    return new ServiceError('store_corrupt', { internal: message, cause: error })
  }
  if (OUT_OF_REACH.has(primary)) return new ServiceError('store_unavailable', { internal: message, cause: error })
  if (error instanceof EmbeddedError) return error
  return new EmbeddedError({ message, code: undefined, errcode })
}
