import { EXIT_MEANINGS } from './exits.ts'
import { ENVIRONMENT, GLOBAL_OPTIONS } from './global-options.ts'
import type { ArgumentSpec, CommandGroup, CommandSpec, OptionSpec } from './types.ts'

/** The headings of the command groups, in the order that help and reference show them. */
export const GROUPS: readonly (readonly [CommandGroup, string])[] = [
  ['run', 'Run a server'],
  ['federate', 'Exchange and explain'],
  ['resources', 'Resources'],
  ['audit', 'Audit'],
  ['about', 'About'],
]

/** Help for the whole: one line per command or noun. */
export function renderOverview(commands: readonly CommandSpec[]): string {
  const lines = [
    'countersign: workload identity federation, strict tokens and explained decisions',
    '',
    'usage: countersign COMMAND [ARGUMENTS] [FLAGS]',
  ]
  for (const [group, title] of GROUPS) {
    const rows = overviewRows(commands.filter((command) => command.group === group))
    if (rows.length > 0) lines.push('', title, ...align(rows))
  }
  lines.push(
    '',
    'Flags are accepted anywhere on the line. `countersign help COMMAND` shows those of a command, `countersign help flags`',
    'those of all. First time here? `countersign quickstart` shows the whole in a minute.',
  )
  return `${lines.join('\n')}\n`
}

function overviewRows(commands: readonly CommandSpec[]): (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = []
  for (const noun of new Set(commands.map((command) => command.path[0]))) {
    const own = commands.filter((command) => command.path[0] === noun)
    const single = own.find((command) => command.path.length === 1)
    rows.push([noun, single ? single.summary : own.map((command) => command.path[1] ?? '').join(' ')])
  }
  return rows
}

/** Help for a noun: its verbs. */
export function renderNoun(noun: string, commands: readonly CommandSpec[]): string {
  const own = commands.filter((command) => command.path[0] === noun)
  const rows = own.map((command) => [usageTail(command).slice(noun.length + 1), command.summary] as const)
  return `${[`usage: countersign ${noun} VERB`, '', ...align(rows)].join('\n')}\n`
}

/** Help for one command: usage, arguments, flags, examples, permission and exit codes. */
export function renderCommand(command: CommandSpec): string {
  const lines = [
    `${command.summary}`,
    '',
    `usage: countersign ${usageTail(command)}${command.options ? ' [FLAGS]' : ''}`,
  ]
  if (command.trailing) lines[2] += ' [-- CMD ARGS]'
  for (const paragraph of command.description ?? []) lines.push('', ...fold(paragraph, 100))
  const described = command.arguments ?? []
  if (described.length > 0)
    lines.push('', 'Arguments', ...align(described.map((argument) => [argument.name, argumentText(argument)])))
  if (command.options) lines.push('', 'Flags', ...align(command.options.map(optionRow)))
  lines.push('', 'Examples')
  for (const example of command.examples) lines.push(`  # ${example.note}`, `  ${example.line}`)
  if (command.scope) lines.push('', `Permission: ${command.scope} (over --server; the local socket holds all)`)
  const exits = Object.entries(command.exits ?? {})
  if (exits.length > 0) lines.push('', 'Exit codes', ...align(exits.map(([code, text]) => [code, text ?? ''])))
  lines.push('', 'Also the flags of every command: `countersign help flags`.')
  return `${lines.join('\n')}\n`
}

/** Help for what every command shares: flags, environment variables, exit codes. */
export function renderShared(): string {
  return `${[
    'Flags of every command, anywhere on the line',
    ...align(GLOBAL_OPTIONS.map(optionRow)),
    '',
    'Environment; a flag wins. No flag and no variable carries a credential, only files do',
    ...align(ENVIRONMENT),
    '',
    'Exit codes',
    ...align(EXIT_MEANINGS.map(([code, text]) => [String(code), text])),
  ].join('\n')}\n`
}

/** `noun verb ARG [ARG...]` */
export function usageTail(command: CommandSpec): string {
  const names = (command.arguments ?? []).map((argument) => {
    const name = argument.many ? `${argument.name}...` : argument.name
    return argument.optional ? `[${name}]` : name
  })
  return [...command.path, ...names].join(' ')
}

/** A flag and what it says, as help and reference show them. */
export function optionRow(option: OptionSpec): readonly [string, string] {
  const short = option.short === undefined ? '' : `-${option.short}, `
  const value = option.value === undefined ? '' : ` ${option.value}`
  const repeat = option.repeat && option.value !== undefined ? ' (repeatable)' : ''
  const choices = option.choices ? `: ${option.choices.join(', ')}` : ''
  return [`${short}--${option.name}${value}`, `${option.summary}${choices}${repeat}`]
}

function argumentText(argument: ArgumentSpec): string {
  return argument.choices ? `${argument.summary}: ${argument.choices.join(', ')}` : argument.summary
}

function align(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())
}

function fold(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return line === '' ? lines : [...lines, line]
}
