import { COMMANDS } from './commands.ts'
import { EXIT_MEANINGS } from './exits.ts'
import { ENVIRONMENT, GLOBAL_OPTIONS } from './global-options.ts'
import { GROUPS, optionRow, usageTail } from './help.ts'
import type { CommandSpec } from './types.ts'

/** The reference of the command line as Markdown, generated from the command table: the same every time for the same table. */
export function renderReference(): string {
  const lines = [
    '# Command line',
    '',
    '<!-- Generated from packages/server/src/cli; `npm run docs` writes it. -->',
    '',
    'Flags are accepted anywhere on the line. Output for people is a table, also in a pipe, where it is neither coloured nor',
    'shortened; `-o json` prints exactly one document on stdout, also when the command fails:',
    '`{"error":{"code","title","detail","fix","request_id","retryable"}}`.',
    '',
    '## Flags of every command',
    '',
    ...table(
      ['flag', 'meaning'],
      GLOBAL_OPTIONS.map((option) => row(optionRow(option))),
    ),
    '',
    '## Environment',
    '',
    'A flag wins over its variable. Neither flags nor variables carry a credential; only files and stdin do.',
    '',
    ...table(
      ['variable', 'stands for'],
      ENVIRONMENT.map(([name, flag]) => [`\`${name}\``, cell(flag)]),
    ),
    '',
    '## Exit codes',
    '',
    ...table(
      ['code', 'meaning'],
      EXIT_MEANINGS.map(([code, text]) => [String(code), cell(text)]),
    ),
  ]
  for (const [group, title] of GROUPS) {
    lines.push('', `## ${title}`)
    for (const command of COMMANDS.filter((known) => known.group === group)) lines.push('', ...describe(command))
  }
  return `${lines.join('\n')}\n`
}

function describe(command: CommandSpec): string[] {
  const lines = [`### countersign ${command.path.join(' ')}`, '', `${capital(command.summary)}.`, '']
  const tail = `${usageTail(command)}${command.options ? ' [FLAGS]' : ''}${command.trailing ? ' [-- CMD ARGS]' : ''}`
  lines.push('```', `countersign ${tail}`, '```')
  for (const paragraph of command.description ?? []) lines.push('', paragraph)
  const named = (command.arguments ?? []).map((argument): [string, string] => {
    const choices = argument.choices ? `: ${argument.choices.join(', ')}` : ''
    return [`\`${argument.name}\``, cell(`${argument.summary}${choices}`)]
  })
  const flags = (command.options ?? []).map((option) => row(optionRow(option)))
  if (named.length + flags.length > 0) lines.push('', ...table(['argument or flag', 'meaning'], [...named, ...flags]))
  if (command.scope) lines.push('', `Permission over \`--server\`: \`${command.scope}\`.`)
  if (command.outputs) lines.push('', `Output formats: ${command.outputs.join(', ')}.`)
  const exits = Object.entries(command.exits ?? {})
  if (exits.length > 0)
    lines.push(
      '',
      ...table(
        ['exit code', 'here'],
        exits.map(([code, text]) => [code, cell(text ?? '')]),
      ),
    )
  lines.push('', '```sh')
  for (const example of command.examples) lines.push(`# ${example.note}`, example.line)
  lines.push('```')
  return lines
}

function row([flag, text]: readonly [string, string]): [string, string] {
  return [`\`${flag}\``, cell(text)]
}

function table(header: readonly [string, string], rows: readonly (readonly [string, string])[]): string[] {
  return [`| ${header.join(' | ')} |`, '|---|---|', ...rows.map((cells) => `| ${cells.join(' | ')} |`)]
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
