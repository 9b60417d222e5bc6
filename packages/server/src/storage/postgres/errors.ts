import { ServiceError } from '../../errors.ts'
import { DROPPED_RANGE } from './partitions.ts'

/** Failures of the socket, not of a statement. */
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
])

/** Failures that pg raises without a code. */
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Cannot use a pool after|Client was closed)/

/**
 * SQLSTATE classes in which the server is out of reach or cannot serve, whatever the statement: connection (08), authorization
 * (28), no such database (3D), resources (53), operator intervention and timeouts (57), system error (58), internal error (XX).
 */
const SERVER_CLASSES = new Set(['08', '28', '3D', '53', '57', '58', 'XX'])

/** A read-only server (a standby, e.g. right after a failover), an idle transaction ended, a lock not had in time. */
const UNABLE = new Set(['25006', '25P03', '55P03'])

/** A row without a partition, and a partition that may not be made. */
const CHECK_VIOLATION = '23514'

function sqlState(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && code.length === 5 && typeof severity === 'string' ? code : undefined
}

function isOutOfReach(error: Error): boolean {
  const state = sqlState(error)
  if (state !== undefined) {
    return SERVER_CLASSES.has(state.slice(0, 2)) || UNABLE.has(state)
  }
  const { code } = error as { code?: unknown }
  return (typeof code === 'string' && SOCKET_CODES.has(code)) || CONNECTION_LOST.test(error.message)
}

/** The failure in storage's terms; what a statement itself did wrong stays as it is. */
export function translatePostgres(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ServiceError) return error
  if (isOutOfReach(error)) {
    return new ServiceError('store_unavailable', { internal: error.message, cause: error })
  }
  // A row whose partition does not exist and may not be made: before or beyond what is kept.
  if (isMissingPartition(error)) {
    return new ServiceError('validation_failed', {
      detail: 'a row lies outside of the range that is kept',
      cause: error,
    })
  }
  return error
}

/** Deadlock, or serialization failure: rolled back through no fault of the statements. */
export function isRetryablePostgres(error: unknown): boolean {
  const state = sqlState(error)
  return state === '40P01' || state === '40001'
}

/** The server answered that a statement was wrong, so its transaction is surely rolled back. */
export function isStatementFaultPostgres(error: unknown): boolean {
  return error instanceof Error && sqlState(error) !== undefined && !isOutOfReach(error)
}

/** The database's own rules refuse to make a partition for a value. */
export function isRefusedPartition(error: unknown): boolean {
  return sqlState(error) === CHECK_VIOLATION
}

/** The partition of a value has been dropped: what is not there any more may have been there. */
export function isDroppedRange(error: unknown): boolean {
  return sqlState(error) === DROPPED_RANGE
}

/** A row has no partition. */
export function isMissingPartition(error: unknown): boolean {
  return sqlState(error) === CHECK_VIOLATION && (error as { routine?: unknown }).routine === 'ExecFindPartition'
}
