import { COMMANDS } from './commands.ts'
import { GLOBAL_OPTIONS } from './global-options.ts'
import { renderCommand, renderNoun, renderOverview, renderShared } from './help.ts'
import { findCommand, type ParsedLine, parseLine, type UsageFault } from './parse.ts'
import { findNearest } from './suggest.ts'
import type { CliContext } from './types.ts'

/**
 * Runs one command line and resolves to the exit code; never rejects. Help is answered from the table alone: the code of
 * the commands, and everything that it needs, is loaded only when one runs.
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const line = parseLine(argv, COMMANDS, GLOBAL_OPTIONS)
  const help = helpFor(line)
  if (help?.text !== undefined) {
    context.stdout.write(help.text)
    return 0
  }
  const { invoke } = await import('./invoke.ts')
  return await invoke(help?.fault ? { ...line, fault: help.fault } : line, context)
}

// Help comes before every other fault of the line: who adds --help to a line that fails wants to know how it is written.
function helpFor(line: ParsedLine): { readonly text?: string; readonly fault?: UsageFault } | undefined {
  const asked = line.words[0] === 'help' ? line.words.slice(1) : line.flags.has('help') ? line.words : undefined
  if (line.flags.has('version') && line.words.length === 0) return undefined
  if (asked === undefined) {
    const bare = line.words.length === 0 && line.fault === undefined && line.trailing === undefined
    return bare ? { text: renderOverview(COMMANDS) } : undefined
  }
  if (asked.length === 0) return { text: renderOverview(COMMANDS) }
  if (asked[0] === 'flags') return { text: renderShared() }
  const command = findCommand(asked, COMMANDS)
  if (command) return { text: renderCommand(command) }
  const [noun = ''] = asked
  if (COMMANDS.some((known) => known.path[0] === noun)) return { text: renderNoun(noun, COMMANDS) }
  const nearest = findNearest(noun, [...new Set(COMMANDS.map((known) => known.path[0]))])
  return {
    fault: {
      detail: `no help for "${noun.slice(0, 40)}"`,
      fix: nearest ? `did you mean \`countersign help ${nearest}\`?` : 'see `countersign help`',
    },
  }
}
