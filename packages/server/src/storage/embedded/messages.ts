import type { BatchWrite } from '../engine.ts'
import type { StorableValue } from '../values.ts'

/** What the main thread asks of the writer's thread. Each request is answered once, in order. */
export type WriterRequest =
  | { readonly act: 'open'; readonly file: string }
  | { readonly act: 'configure' }
  | { readonly act: 'query'; readonly sql: string; readonly parameters: readonly StorableValue[] }
  | { readonly act: 'script'; readonly statements: readonly string[] }
  | {
      readonly act: 'batch'
      readonly guardSql: string
      readonly rowSql: readonly string[]
      readonly entries: readonly BatchWrite[]
    }
  | { readonly act: 'close' }

/** A failure as it crosses the thread boundary: `errcode` is SQLite's extended result code. */
export interface WriterFailure {
  readonly message: string
  readonly code: string | undefined
  readonly errcode: number | undefined
}

/** An answer of the writer's thread. */
export type WriterReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: WriterFailure }

/** A failure of SQLite, with its extended result code. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError'
  readonly code: string | undefined
  readonly errcode: number

  constructor(failure: WriterFailure) {
    super(failure.message)
    this.code = failure.code
    this.errcode = failure.errcode ?? 0
  }
}

/** Reads the result code of a failure of node:sqlite. */
export function toFailure(error: unknown): WriterFailure {
  const { message, code, errcode } = error as { message?: unknown; code?: unknown; errcode?: unknown }
  return {
    message: typeof message === 'string' ? message : String(error),
    code: typeof code === 'string' ? code : undefined,
    errcode: typeof errcode === 'number' ? errcode : undefined,
  }
}
