import {
  AbortedTransactionError,
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import type { Engine, Session } from './engine.ts'
import { assertStorable, type StorableValue } from './values.ts'

/** A transaction that the engine ended by a rollback although a commit was asked for. */
export class RolledBack extends Error {
  override readonly name = 'RolledBack'
}

function storable(parameters: readonly unknown[]): readonly StorableValue[] {
  for (const parameter of parameters) assertStorable(parameter)
  return parameters as readonly StorableValue[]
}

/** Hands a session to Kysely for as long as it is acquired; a statement that comes later is refused, never run elsewhere. */
function createConnection(engine: Engine, session: Session, mode: 'read' | 'write') {
  let released = false
  const connection = {
    session,
    release(): void {
      released = true
      session.release()
    },
    async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
      if (released) throw new Error('a statement came after its transaction had ended')
      const kind = compiled.query.kind
      if (mode === 'read' && kind !== 'SelectQueryNode' && kind !== 'RawNode') {
        throw new TypeError('writes go through Database.transaction')
      }
      try {
        const { rows, changes } = await session.query(compiled.sql, storable(compiled.parameters))
        return { rows: rows as R[], numAffectedRows: BigInt(changes) }
      } catch (error) {
        throw engine.translate(error)
      }
    },
    async *streamQuery<R>(compiled: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
      if (mode === 'write') throw new TypeError('only Database.read streams')
      try {
        for await (const rows of engine.stream(compiled.sql, storable(compiled.parameters), chunkSize)) {
          yield { rows: rows as R[] }
        }
      } catch (error) {
        throw engine.translate(error)
      }
    },
  }
  return connection satisfies DatabaseConnection
}

type Connection = ReturnType<typeof createConnection>

/**
 * Kysely's view of an engine: `read` runs single statements and refuses to write, `write` is for transactions only.
 * Parameters are checked so that both engines accept and refuse the same values. `assertUsable` throws when it is too late.
 */
export function createDialect(engine: Engine, mode: 'read' | 'write', assertUsable: () => void): Dialect {
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => {
      assertUsable()
      try {
        const session = await (mode === 'read' ? engine.readSession() : engine.writeSession())
        return createConnection(engine, session, mode)
      } catch (error) {
        throw engine.translate(error)
      }
    },
    beginTransaction: async (connection) => {
      if (mode === 'read') throw new TypeError('transactions go through Database.transaction')
      await (connection as Connection).session.begin()
    },
    commitTransaction: async (connection) => {
      try {
        await (connection as Connection).session.commit()
      } catch (error) {
        // Kysely must not roll back again what the engine has rolled back.
        if (error instanceof RolledBack) throw new AbortedTransactionError({ cause: error })
        throw error
      }
    },
    rollbackTransaction: async (connection) => {
      await (connection as Connection).session.rollback()
    },
    releaseConnection: async (connection) => {
      ;(connection as Connection).release()
    },
    destroy: async () => {},
  }
  return {
    createDriver: () => driver,
    createQueryCompiler: engine.compiler,
    createAdapter: engine.adapter,
    createIntrospector: (): DatabaseIntrospector => {
      throw new TypeError('the schema is known from its migrations')
    },
  }
}
