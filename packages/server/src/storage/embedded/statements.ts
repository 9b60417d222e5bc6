import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { StatementResult } from '../engine.ts'
import type { StorableValue } from '../values.ts'

const MAX_CACHED = 256

/** Prepared statements of one connection, kept by their text; the least recently used one goes first. */
export function createStatements(database: DatabaseSync) {
  const cached = new Map<string, { readonly statement: StatementSync; readonly returns: boolean }>()

  function prepare(sql: string) {
    const found = cached.get(sql)
    if (found) {
      cached.delete(sql)
      cached.set(sql, found)
      return found
    }
    const statement = database.prepare(sql)
    const prepared = { statement, returns: statement.columns().length > 0 }
    cached.set(sql, prepared)
    if (cached.size > MAX_CACHED) {
      const [oldest] = cached.keys()
      if (oldest !== undefined) cached.delete(oldest)
    }
    return prepared
  }

  return {
    /** Runs a statement to its end. Rows are plain objects. */
    run(sql: string, parameters: readonly StorableValue[]): StatementResult {
      const { statement, returns } = prepare(sql)
      const values = parameters.map(toSqlite)
      if (!returns) return { rows: [], changes: Number(statement.run(...values).changes) }
      const rows = statement.all(...values).map((row) => ({ ...row }))
      return { rows, changes: rows.length }
    },
    /** Runs a statement that returns nothing, and says how many rows it changed. */
    change(sql: string, parameters: readonly StorableValue[]): number {
      return Number(prepare(sql).statement.run(...parameters.map(toSqlite)).changes)
    },
  }
}

/** Whole numbers are bound as integers: node:sqlite binds every number as a double, which divides and prints differently. */
export function toSqlite(value: StorableValue): SQLInputValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
}
