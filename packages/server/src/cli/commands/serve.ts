import { once } from 'node:events'
import { EXITS } from '../exits.ts'
import { cliFault } from '../faults.ts'
import { findServerOptions } from '../server-options.ts'
import { printable } from '../terminal/index.ts'
import type { CommandRun } from '../types.ts'

/** Runs the server until a signal, then ends it gracefully. Prints exactly one line, when it is ready. */
export const run: CommandRun = async ({ settings, context }) => {
  const { startServer } = await context.modules.server()
  const server = await startServer(await findServerOptions(settings, context))
  const ready =
    settings.output === 'table'
      ? `countersign is ready at ${printable(server.address)}`
      : JSON.stringify({ ready: true, address: server.address })
  context.stdout.write(`${ready}\n`)
  const stopped = context.signal.aborted ? Promise.resolve() : once(context.signal, 'abort')
  const ended = await Promise.race([stopped.then(() => false), server.closed.then(() => true)])
  if (ended) throw cliFault('unreachable', 'the server ended by itself', { fix: 'read its log' })
  await server.stop()
  return { exit: EXITS.yes, streamed: true }
}
