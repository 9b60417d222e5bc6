/**
 * The command line. `main.ts` gives the process to `runCli`, which parses a line with the one command table (`commands.ts`,
 * `table/`), answers help from it, and otherwise loads the command's own file from `commands/` (`invoke.ts`) and prints its
 * result (`output.ts`). Commands speak to a server through `client.ts` only. Add a command: an entry in `table/` and a file in
 * `commands/`; help, completion, reference and suggestions follow from the entry.
 */

export { renderReference } from './reference.ts'

export type * from './types.ts'
