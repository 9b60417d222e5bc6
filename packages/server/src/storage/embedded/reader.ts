import { DatabaseSync } from 'node:sqlite'
import type { Session, StatementResult } from '../engine.ts'
import type { StorableValue } from '../values.ts'
import { createStatements, toSqlite } from './statements.ts'

function openReadOnly(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  database.exec('PRAGMA query_only = ON')
  database.exec('PRAGMA busy_timeout = 5000')
  database.exec('PRAGMA trusted_schema = OFF')
  return database
}

/** Reads of committed data on the main thread: an indexed read takes microseconds, a hop to a thread tens of them. */
export function openReader(file: string) {
  const database = openReadOnly(file)
  const statements = createStatements(database)
  const streams = new Set<DatabaseSync>()
  const refuse = async (): Promise<never> => {
    throw new TypeError('transactions go through Database.transaction')
  }
  const session: Session = {
    query: async (sql, parameters) => statements.run(sql, parameters),
    begin: refuse,
    commit: refuse,
    rollback: refuse,
    release: () => {},
  }

  /** A connection of its own: an open cursor would hold the shared one at an old snapshot, and others would read the past. */
  async function* stream(
    sql: string,
    parameters: readonly StorableValue[],
    chunkSize: number,
  ): AsyncIterableIterator<StatementResult['rows']> {
    const own = openReadOnly(file)
    streams.add(own)
    try {
      let chunk: Record<string, unknown>[] = []
      for (const row of own.prepare(sql).iterate(...parameters.map(toSqlite))) {
        chunk.push({ ...row })
        if (chunk.length < chunkSize) continue
        yield chunk
        chunk = []
      }
      if (chunk.length > 0) yield chunk
    } finally {
      streams.delete(own)
      if (own.isOpen) own.close()
    }
  }

  return {
    session,
    stream,
    close(): void {
      for (const own of streams) own.close()
      database.close()
    },
  }
}
