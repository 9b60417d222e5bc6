// The thread of the one writer connection: it blocks on fsync here and not on the thread that answers requests.
import { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import type { BatchWrite } from '../engine.ts'
import { toFailure, type WriterReply, type WriterRequest } from './messages.ts'
import { createStatements } from './statements.ts'

let database: DatabaseSync | undefined
let statements: ReturnType<typeof createStatements> | undefined

function opened() {
  if (!database || !statements) throw new Error('the writer is not open')
  return { database, statements }
}

/** Opens the file and reads it through before anything is changed. */
function open(file: string): { readonly faults: readonly string[]; readonly tables: readonly string[] } {
  database = new DatabaseSync(file, { timeout: 5000 })
  statements = createStatements(database)
  const faults: string[] = []
  for (const row of database.prepare('PRAGMA quick_check(5)').all()) {
    const [text] = Object.values(row)
    if (text !== 'ok') faults.push(String(text))
  }
  const tables = faults.length > 0 ? [] : database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  return { faults, tables: tables.map((row) => String(row['name'])) }
}

function configure(): void {
  const { database } = opened()
  database.exec('PRAGMA journal_mode = WAL')
  // Acknowledged means on the disk: NORMAL would lose the last commits in a power cut.
  database.exec('PRAGMA synchronous = FULL')
  database.exec('PRAGMA foreign_keys = ON')
  database.exec('PRAGMA busy_timeout = 5000')
  // Without it REPLACE deletes the row in its way and no delete trigger sees it: append-only would not hold.
  database.exec('PRAGMA recursive_triggers = ON')
  database.exec('PRAGMA trusted_schema = OFF')
}

/** SQLite ends some failed transactions by itself. */
function rollback(database: DatabaseSync): void {
  if (database.isTransaction) database.exec('ROLLBACK')
}

function inTransaction<R>(work: () => R): R {
  const { database } = opened()
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    rollback(database)
    throw error
  }
}

function writeBatch(guardSql: string, rowSql: readonly string[], entries: readonly BatchWrite[]): boolean[] {
  const { statements } = opened()
  return entries.map(({ guard, rows }) => {
    if (guard !== null && statements.change(guardSql, guard) === 0) return false
    for (const [index, dependent] of rows.entries()) {
      const sql = rowSql[index] ?? ''
      for (const row of dependent) statements.change(sql, row)
    }
    return true
  })
}

function answer(request: WriterRequest): unknown {
  switch (request.act) {
    case 'open':
      return open(request.file)
    case 'configure':
      return configure()
    case 'query':
      return opened().statements.run(request.sql, request.parameters)
    case 'script':
      return inTransaction(() => {
        for (const statement of request.statements) opened().database.exec(statement)
      })
    case 'batch':
      return inTransaction(() => writeBatch(request.guardSql, request.rowSql, request.entries))
    case 'close':
      database?.close()
      database = undefined
      statements = undefined
      return undefined
  }
}

parentPort?.on('message', ({ id, request }: { id: number; request: WriterRequest }) => {
  let reply: WriterReply
  try {
    reply = { id, value: answer(request) }
  } catch (error) {
    reply = { id, failure: toFailure(error) }
  }
  parentPort?.postMessage(reply)
})
