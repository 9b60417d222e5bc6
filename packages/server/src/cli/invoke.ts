import { COMMANDS } from './commands.ts'
import { cliFault, toFault } from './faults.ts'
import { printFault, printResult } from './output.ts'
import { findCommand, type ParsedLine } from './parse.ts'
import { findOutput, parseSettings, type Settings } from './settings.ts'
import type { CliContext, CommandSpec } from './types.ts'

/** Runs the command of a parsed line and prints its result or failure; resolves to the exit code. */
export async function invoke(line: ParsedLine, context: CliContext): Promise<number> {
  const output = findOutput(line, context.env)
  const verbose = line.flags.get('verbose')?.length ?? 0
  try {
    if (line.fault) throw cliFault('usage', line.fault.detail, { fix: line.fault.fix })
    const command = line.command ?? (line.flags.has('version') ? findCommand(['version'], COMMANDS) : undefined)
    if (!command) throw cliFault('usage', 'no command', { fix: 'see `countersign help`' })
    const settings = parseSettings(line, context.env)
    refuseMisuse(command, settings)
    const { run } = await command.load()
    const result = await run({
      command,
      arguments: line.arguments,
      trailing: line.trailing,
      flag: (name) => line.flags.has(name),
      option: (name) => line.flags.get(name)?.at(-1),
      options: (name) => line.flags.get(name) ?? [],
      settings,
      context,
    })
    await printResult(result, settings, context)
    return result.exit
  } catch (error) {
    const fault =
      context.signal.aborted && isAbort(error) ? toFault(new DOMException('', 'AbortError')) : toFault(error)
    await printFault(fault, { output, verbose, streams: isStreaming(line) }, context)
    return fault.exit
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'InterruptError')
}

function isStreaming(line: ParsedLine): boolean {
  return (
    line.fault === undefined &&
    line.command?.outputs?.includes('jsonl') === true &&
    !line.command.outputs.includes('json')
  )
}

function refuseMisuse(command: CommandSpec, settings: Settings): void {
  const name = command.path.join(' ')
  if (command.outputs && !command.outputs.includes(settings.output)) {
    throw cliFault('usage', `${name} cannot print ${settings.output}`, { fix: `one of ${command.outputs.join(', ')}` })
  }
  // Accepting the flag and writing all the same is how `--dry-run --prune` of another tool really pruned.
  if (settings.dryRun && command.effect === 'writes' && !command.dryRun) {
    throw cliFault('usage', `${name} has no dry run; nothing was done`, {
      fix: 'use `countersign diff -f FILE` to see what a change would do',
    })
  }
}
