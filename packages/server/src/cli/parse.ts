import { parseArgs } from 'node:util'
import { findNearest } from './suggest.ts'
import type { CommandSpec, OptionSpec } from './types.ts'

/** What is wrong with a command line, and the way out. */
export interface UsageFault {
  readonly detail: string
  readonly fix: string
}

/** A command line, taken apart. With a `fault`, the other members hold what could be understood. */
export interface ParsedLine {
  /** Every positional before `--`, command words included. */
  readonly words: readonly string[]
  readonly command: CommandSpec | undefined
  readonly arguments: readonly string[]
  readonly trailing: readonly string[] | undefined
  /** Values per option name; a switch has one empty text per time it was given. */
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly fault: UsageFault | undefined
}

/**
 * Parses a command line; never throws. Flags are accepted anywhere: a name means the same for every command, so that its
 * place cannot change what it means (a misplaced `-no-print` of another tool printed the token).
 */
export function parseLine(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  globals: readonly OptionSpec[],
): ParsedLine {
  const known = new Map<string, OptionSpec>()
  for (const option of globals) known.set(option.name, option)
  for (const command of commands) for (const option of command.options ?? []) known.set(option.name, option)

  const words: string[] = []
  const flags = new Map<string, string[]>()
  const faults: UsageFault[] = []
  let trailing: string[] | undefined

  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries([...known.values()].map((option) => [option.name, toParseArgs(option)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'option-terminator') trailing = []
    else if (token.kind === 'positional') (trailing ?? words).push(token.value)
    else {
      const option = known.get(token.name)
      const fault = option ? valueFault(option, token.value, token.inlineValue, flags.has(token.name)) : undefined
      if (!option) faults.push(unknownFlag(token.rawName, [...known.keys()]))
      if (fault) faults.push(fault)
      if (option && !fault) flags.set(option.name, [...(flags.get(option.name) ?? []), token.value ?? ''])
    }
  }

  const command = findCommand(words, commands)
  if (command) {
    const extra = command.trailing ? undefined : trailing
    const given = [...words.slice(command.path.length), ...(extra ?? [])]
    faults.push(...foreignFlags(flags, command, globals), ...argumentFaults(command, given))
    return {
      words,
      command,
      arguments: given,
      trailing: command.trailing ? trailing : undefined,
      flags,
      fault: faults[0],
    }
  }
  return { words, command, arguments: [], trailing, flags, fault: faults[0] ?? unknownCommand(words, commands) }
}

/** The command that the words name: noun and verb, or one word. */
export function findCommand(words: readonly string[], commands: readonly CommandSpec[]): CommandSpec | undefined {
  return commands.find((command) => command.path.every((word, index) => words[index] === word))
}

function toParseArgs(option: OptionSpec): { type: 'string' | 'boolean'; short?: string; multiple: true } {
  return {
    type: option.value === undefined ? 'boolean' : 'string',
    multiple: true,
    ...(option.short === undefined ? {} : { short: option.short }),
  }
}

function valueFault(
  option: OptionSpec,
  value: string | undefined,
  inline: boolean | undefined,
  given: boolean,
): UsageFault | undefined {
  const name = `--${option.name}`
  if (given && !option.repeat) return { detail: `${name} is given twice`, fix: 'give it once' }
  if (option.value === undefined) {
    return value === undefined ? undefined : { detail: `${name} takes no value`, fix: `write ${name} alone` }
  }
  // A flag in the place of a value is a forgotten value: `--token-file --yes` must not read a file named --yes.
  if (value === undefined || value === '' || (!inline && value !== '-' && value.startsWith('-'))) {
    return { detail: `${name} needs a value`, fix: `write ${name}=${option.value}` }
  }
  if (option.choices && !option.choices.includes(value)) {
    return { detail: `${name} does not know this value`, fix: `one of ${option.choices.join(', ')}` }
  }
  return undefined
}

function unknownFlag(rawName: string, names: readonly string[]): UsageFault {
  const nearest = findNearest(rawName.replace(/^-+/, ''), names)
  return {
    detail: `unknown flag ${rawName}`,
    fix: nearest ? `did you mean --${nearest}?` : 'see `countersign help` for the flags of each command',
  }
}

function foreignFlags(
  flags: ReadonlyMap<string, readonly string[]>,
  command: CommandSpec,
  globals: readonly OptionSpec[],
): UsageFault[] {
  const name = command.path.join(' ')
  const own = [...globals, ...(command.options ?? [])].map((option) => option.name)
  const faults: UsageFault[] = []
  for (const flag of flags.keys()) {
    if (!own.includes(flag)) {
      const nearest = findNearest(flag, own)
      faults.push({
        detail: `${name} has no flag --${flag}`,
        fix: nearest ? `did you mean --${nearest}?` : `see \`countersign help ${name}\``,
      })
    }
  }
  return faults
}

function argumentFaults(command: CommandSpec, given: readonly string[]): UsageFault[] {
  const specs = command.arguments ?? []
  const see = `see \`countersign help ${command.path.join(' ')}\``
  const missing = specs.find((spec, index) => !spec.optional && given[index] === undefined)
  if (missing) return [{ detail: `${command.path.join(' ')} needs ${missing.name}`, fix: see }]
  if (given.length > specs.length && !specs.at(-1)?.many) {
    return [{ detail: `${command.path.join(' ')} takes fewer arguments than given`, fix: see }]
  }
  for (const [index, spec] of specs.entries()) {
    const value = given[index]
    if (value !== undefined && spec.choices && !spec.choices.includes(value)) {
      const nearest = findNearest(value, spec.choices)
      const fix = nearest ? `did you mean ${nearest}?` : `one of ${spec.choices.join(', ')}`
      return [{ detail: `unknown ${spec.name} ${quoted(value)}`, fix }]
    }
  }
  return []
}

function unknownCommand(words: readonly string[], commands: readonly CommandSpec[]): UsageFault | undefined {
  const [first, second] = words
  if (first === undefined) return undefined
  const verbs = commands.flatMap((command) => (command.path[0] === first && command.path[1] ? [command.path[1]] : []))
  if (verbs.length > 0) {
    const nearest = second === undefined ? undefined : findNearest(second, verbs)
    return {
      detail: second === undefined ? `${first} needs a verb` : `${first} has no verb ${quoted(second)}`,
      fix: nearest ? `did you mean \`countersign ${first} ${nearest}\`?` : `one of ${verbs.join(', ')}`,
    }
  }
  const nearest = findNearest(first, [...new Set(commands.map((command) => command.path[0]))])
  return {
    detail: `unknown command ${quoted(first)}`,
    fix: nearest ? `did you mean \`countersign ${nearest}\`?` : 'see `countersign help`',
  }
}

// Enough to recognise a slip; what somebody pasted in the wrong place is not repeated in full.
function quoted(word: string): string {
  return `"${word.length > 40 ? `${word.slice(0, 24)}...` : word}"`
}
