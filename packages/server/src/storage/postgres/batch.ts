import type pg from 'pg'
import type { BatchWrite } from '../engine.ts'
import type { BatchColumnType, BatchPlan, BatchTable } from '../types.ts'
import { quoteName, type StorableValue } from '../values.ts'

const ARRAY_TYPES: Readonly<Record<BatchColumnType, string>> = { text: 'text[]', integer: 'int8[]', bytes: 'bytea[]' }

/** The number of an entry whose rows are unconditional. */
const UNGUARDED = -1

/** `unnest` over one array of entry numbers and one array per column, as a relation with the columns entry, c0, c1, ... */
function arrays(table: BatchTable, firstParameter: number, alias: string): string {
  const types = Object.values(table.columns)
  const casts = ['int4[]', ...types.map((type) => ARRAY_TYPES[type])]
  const parameters = casts.map((cast, index) => `$${firstParameter + index}::${cast}`)
  return `unnest(${parameters.join(', ')}) AS ${alias}(entry, ${types.map((_, index) => `c${index}`).join(', ')})`
}

function columnList(table: BatchTable): string {
  return Object.keys(table.columns).map(quoteName).join(', ')
}

/**
 * The batch as one statement: the guard rows that are new decide which entries' rows are written. Guard rows go in in the
 * order of their entries, so that writers of several processes never wait for each other in a circle.
 */
export function batchStatement({ guard, dependents }: BatchPlan): string {
  const keys = Object.keys(guard.columns)
  const numbers = keys.map((_, index) => index)
  let parameter = 1
  const parts = [
    `input AS MATERIALIZED (SELECT * FROM ${arrays(guard, parameter, 'i')})`,
    `fresh AS (INSERT INTO ${quoteName(guard.table)} (${columnList(guard)})
      SELECT ${numbers.map((index) => `c${index}`).join(', ')} FROM input ORDER BY entry
      ON CONFLICT DO NOTHING RETURNING ${keys.map((key, index) => `${quoteName(key)} AS c${index}`).join(', ')})`,
    `winners AS MATERIALIZED (SELECT input.entry FROM input JOIN fresh ON ${numbers
      .map((index) => `input.c${index} = fresh.c${index}`)
      .join(' AND ')})`,
  ]
  parameter += keys.length + 1
  for (const [position, table] of Object.values(dependents).entries()) {
    const count = Object.keys(table.columns).length
    parts.push(`dependent_${position} AS (INSERT INTO ${quoteName(table.table)} (${columnList(table)})
      SELECT ${Array.from({ length: count }, (_, index) => `r.c${index}`).join(', ')}
      FROM ${arrays(table, parameter, 'r')}
      WHERE r.entry = ${UNGUARDED} OR r.entry IN (SELECT entry FROM winners)
      ORDER BY r.entry${table.onConflict === 'ignore' ? ', r.c0 ON CONFLICT DO NOTHING' : ''})`)
    parameter += count + 1
  }
  return `WITH ${parts.join(',\n')}\nSELECT entry FROM winners`
}

/** An element of an array literal. Quotes and backslashes are escaped in one pass, and only where there are any. */
function toElement(value: StorableValue): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return `"${/["\\]/.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`
  if (value instanceof Uint8Array) {
    return `\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  }
  return String(value)
}

/**
 * The parameters of {@link batchStatement}: per table, the entry number of each row and then its columns, each as an array
 * literal (pg's own escapes every element twice over, which was a fifth of a batch's cost).
 */
export function batchParameters(plan: BatchPlan, entries: readonly BatchWrite[]): string[] {
  const tables = [plan.guard, ...Object.values(plan.dependents)]
  const columns: string[][][] = tables.map((table) => ['entry', ...Object.keys(table.columns)].map(() => []))
  const add = (position: number, entry: number, row: readonly StorableValue[]): void => {
    const target = columns[position]
    target?.[0]?.push(String(entry))
    for (const [index, value] of row.entries()) target?.[index + 1]?.push(toElement(value))
  }
  for (const [entry, { guard, rows }] of entries.entries()) {
    if (guard !== null) add(0, entry, guard)
    for (const [index, dependent] of rows.entries()) {
      for (const row of dependent) add(index + 1, guard === null ? UNGUARDED : entry, row)
    }
  }
  return columns.flat().map((elements) => `{${elements.join(',')}}`)
}

/** Writes batches over one pool. A prepared statement is kept per connection where the connection is ours. */
export function createBatchWriter(pool: pg.Pool, plan: BatchPlan, name: string | undefined) {
  const text = batchStatement(plan)
  return async (entries: readonly BatchWrite[]): Promise<readonly boolean[]> => {
    const values = batchParameters(plan, entries)
    const { rows } = await pool.query<{ entry: number }>(name === undefined ? { text, values } : { name, text, values })
    const won = entries.map(({ guard }) => guard === null)
    for (const { entry } of rows) won[entry] = true
    return won
  }
}
