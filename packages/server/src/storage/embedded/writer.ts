import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ServiceError } from '../../errors.ts'
import { RolledBack } from '../dialect.ts'
import type { Session, StatementResult } from '../engine.ts'
import { EmbeddedError, type WriterReply, type WriterRequest } from './messages.ts'

/** The one writer connection, in its own thread. */
export interface Writer {
  /** Asks the writer's thread; for requests that are a whole by themselves, the caller holds the turn. */
  ask(request: WriterRequest): Promise<unknown>
  /** Waits for the turn; the returned function passes it on. First come, first served. */
  turn(): Promise<() => void>
  /** A session for one transaction; holds the turn until it is released. */
  session(): Promise<Session>
  close(): Promise<void>
}

/** Starts the writer's thread. It has no connection until it is asked to open one. */
export function startWriter(): Writer {
  // The source is run directly (.ts), the package is built (.js): the thread's file follows this one.
  const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url))
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>()
  let lastId = 0
  let ended: unknown
  let tail: Promise<void> = Promise.resolve()

  worker.on('message', (reply: WriterReply) => {
    const request = waiting.get(reply.id)
    waiting.delete(reply.id)
    if ('failure' in reply) request?.reject(new EmbeddedError(reply.failure))
    else request?.resolve(reply.value)
  })
  const end = (cause: unknown): void => {
    ended ??= new ServiceError('store_unavailable', { internal: 'the writer thread has ended', cause })
    for (const request of waiting.values()) request.reject(ended)
    waiting.clear()
  }
  worker.on('error', end)
  worker.on('exit', () => end(undefined))

  function ask(request: WriterRequest): Promise<unknown> {
    if (ended) return Promise.reject(ended)
    return new Promise((resolve, reject) => {
      lastId += 1
      waiting.set(lastId, { resolve, reject })
      worker.postMessage({ id: lastId, request })
    })
  }

  async function turn(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const before = tail
    tail = promise
    await before
    return resolve
  }

  async function session(): Promise<Session> {
    const release = await turn()
    let failed: unknown
    const query: Session['query'] = async (sql, parameters) => {
      try {
        return (await ask({ act: 'query', sql, parameters })) as StatementResult
      } catch (error) {
        failed ??= error
        throw error
      }
    }
    return {
      query,
      begin: async () => void (await query('BEGIN IMMEDIATE', [])),
      commit: async () => {
        // As on PostgreSQL: a transaction in which a statement failed never commits, even if the failure was swallowed.
        if (!failed) return void (await query('COMMIT', []))
        await rollback()
        throw new RolledBack('a statement of the transaction had failed', { cause: failed })
      },
      rollback,
      release,
    }
    async function rollback(): Promise<void> {
      // SQLite ends some failed transactions by itself; then there is nothing to roll back, which is what was asked for.
      await ask({ act: 'query', sql: 'ROLLBACK', parameters: [] }).catch((error: unknown) => {
        if (!(error instanceof EmbeddedError) || !error.message.includes('no transaction is active')) throw error
      })
    }
  }

  return {
    ask,
    turn,
    session,
    close: async () => {
      const release = await turn()
      release()
      if (!ended) await ask({ act: 'close' })
      ended ??= new ServiceError('store_unavailable', { detail: 'the database is closed' })
      await worker.terminate()
    },
  }
}
