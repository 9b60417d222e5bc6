import pg from 'pg'
import type { StorageLogger } from '../engine.ts'

const CONNECT_TIMEOUT_MS = 5000
const STATEMENT_TIMEOUT_MS = 15_000
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000

const INT8 = 20
const NUMERIC = 1700
const BYTEA = 17

/** Numbers as numbers, as on the embedded engine; one that a number cannot hold exactly is refused, never rounded. */
function toNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) && /^-?[0-9]+$/.test(text)) {
    throw new RangeError('an integer of the database is beyond 2^53')
  }
  return value
}

function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
}

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (format !== 'binary' && (oid === INT8 || oid === NUMERIC)) return toNumber
    if (format !== 'binary' && oid === BYTEA) return toBytes
    return pg.types.getTypeParser(oid, format)
  }) as typeof pg.types.getTypeParser,
}

/** How connections to one database are made. */
export interface ConnectionSettings {
  readonly url: string
  /** Behind a transaction pooler neither session settings nor named statements survive. */
  readonly pooled: boolean
  /** The longest that a statement may take; 0 for no limit. Default 15 seconds. */
  readonly timeoutMs?: number
}

/** pg's settings for a connection. Limits are set for the session where it is ours, else on this side only. */
export function clientConfig({ url, pooled, timeoutMs = STATEMENT_TIMEOUT_MS }: ConnectionSettings): pg.ClientConfig {
  const session = {
    application_name: 'countersign',
    statement_timeout: timeoutMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  }
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types,
    // A little later than the server's own limit, for a server that no longer answers at all.
    ...(timeoutMs === 0 ? {} : { query_timeout: timeoutMs + 2000 }),
    ...(pooled ? {} : session),
  }
}

/** A pool whose broken connections are reported and replaced, never thrown at the process. */
export function createPool(settings: ConnectionSettings, max: number, logger: StorageLogger | undefined): pg.Pool {
  const pool = new pg.Pool({ ...clientConfig(settings), max, idleTimeoutMillis: 60_000 })
  const report = (error: Error): void => logger?.warn({ err: error }, 'a database connection was lost')
  pool.on('error', report)
  // A connection that is checked out reports to itself alone; unheard, its error would end the process.
  pool.on('connect', (client) => void client.on('error', report))
  return pool
}

/** Runs `work` on a connection of its own, which ends with it. */
export async function withClient<R>(settings: ConnectionSettings, work: (client: pg.Client) => Promise<R>): Promise<R> {
  const client = new pg.Client(clientConfig(settings))
  // The failure reaches the caller through the query that meets it.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
