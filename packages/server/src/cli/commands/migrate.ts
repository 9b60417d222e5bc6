import { findServerOptions } from '../server-options.ts'
import type { CommandRun } from '../types.ts'

/** Brings the database schema up to date. */
export const run: CommandRun = async ({ settings, context }) => {
  const { migrate } = await context.modules.server()
  const { from, to } = await migrate(await findServerOptions(settings, context))
  return {
    exit: 0,
    document: { from, to, changed: from !== to },
    text: () =>
      from === to ? `the schema is current: version ${to}` : `the schema is migrated: version ${from} -> ${to}`,
  }
}
