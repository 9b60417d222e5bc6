import type { JsonValue } from '../lib/index.ts'
import { type CliFault, cliFault, isDocumented } from './faults.ts'
import type { Settings } from './settings.ts'
import { createLayout } from './terminal/layout.ts'
import { isPrintable, printable, printableJson } from './terminal/printable.ts'
import { renderTable } from './terminal/table.ts'
import type { CliContext, Column, CommandResult, OutputFormat } from './types.ts'
import { member, text } from './wire.ts'

/** Prints a command's answer in the format that was asked for: `json` and `yaml` are exactly one document. */
export async function printResult(result: CommandResult, settings: Settings, context: CliContext): Promise<void> {
  if ('streamed' in result) return
  const layout = createLayout(context.stdout, { colour: settings.colour, wide: settings.output === 'wide' })
  if ('list' in result) {
    const { items, next } = result.list
    if (settings.output === 'json' || settings.output === 'yaml') {
      await printDocument({ items, next }, settings.output, context)
    } else if (settings.output === 'jsonl' || settings.output === 'id') {
      for (const item of items) await printDocument(item, settings.output, context)
    } else {
      const columns = chooseColumns(result.columns, settings)
      const rows = items.map((item) => columns.map((column) => column.read(item)))
      const header = columns.map((column) => column.name.toUpperCase())
      for (const line of renderTable(header, rows, layout)) context.stdout.write(`${line}\n`)
    }
    if (next !== null && !settings.quiet) {
      context.stderr.write(`more: add --all, or raise --limit above ${items.length}\n`)
    }
  } else if (settings.output === 'table' || settings.output === 'wide') {
    const rendered = result.text(layout)
    if (rendered !== '') context.stdout.write(rendered.endsWith('\n') ? rendered : `${rendered}\n`)
  } else {
    await printDocument(result.document, settings.output, context)
  }
  if (!settings.quiet) for (const note of result.notes ?? []) context.stderr.write(`${printable(note)}\n`)
}

function chooseColumns(columns: readonly Column[], settings: Settings): readonly Column[] {
  if (!settings.columns) return columns.filter((column) => !column.wide || settings.output === 'wide')
  return settings.columns.map((name) => {
    const column = columns.find((known) => known.name === name)
    if (column) return column
    throw cliFault('usage', `no column "${name}"`, { fix: `one of ${columns.map((known) => known.name).join(', ')}` })
  })
}

async function printDocument(document: JsonValue, format: OutputFormat, context: CliContext): Promise<void> {
  if (format === 'id') {
    const id = text(member(document, 'id')) ?? text(member(document, 'event_id'))
    if (id === undefined) throw cliFault('usage', 'the result has no id', { fix: 'use -o json' })
    context.stdout.write(`${printable(id)}\n`)
  } else if (format === 'yaml') {
    context.stdout.write(await toYaml(document))
  } else {
    const indent = format === 'json' ? 2 : undefined
    context.stdout.write(`${printableJson(JSON.stringify(document, undefined, indent))}\n`)
  }
}

/** A document as YAML whose text holds no character that could act on a terminal; parses to the same value. */
export async function toYaml(document: JsonValue): Promise<string> {
  const { stringify } = await import('yaml')
  const plain = stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })
  if (plain.split('\n').every(isPrintable)) return plain
  // Inside double quotes YAML has JSON's \u escapes; anywhere else the escape would be other text.
  const quoted = {
    lineWidth: 0,
    aliasDuplicateObjects: false,
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'QUOTE_DOUBLE',
  } as const
  return printableJson(stringify(document, quoted))
}

/**
 * Prints a failure: on stderr what happened, the way out and where to read more; with a format for programs also one
 * document on stdout, so that they never read nothing.
 */
export async function printFault(
  fault: CliFault,
  options: { output: OutputFormat; verbose: number; streams: boolean },
  context: CliContext,
): Promise<void> {
  const id = fault.id === undefined ? '' : `  id ${printable(fault.id)}`
  // The configuration's detail is the list of its problems, which follow one by one.
  const listed = fault.code === 'config_invalid' && fault.problems.length > 0
  const detail = fault.detail === undefined || listed ? '' : `: ${printable(fault.detail)}`
  const title =
    fault.code === 'exchange_denied'
      ? `exchange denied (${printable(fault.detail ?? '')})`
      : `${lower(printable(fault.title))}${detail} (${fault.code})`
  const lines = [`error: ${title}${id}`]
  for (const problem of fault.problems) {
    lines.push(`  ${printable(problem.pointer)}: ${printable(problem.detail)}`)
    if (problem.fix) lines.push(`    fix: ${printable(problem.fix)}`)
  }
  lines.push(`fix: ${printable(fault.fix)}`)
  if (isDocumented(fault.code)) lines.push(`see: countersign errors ${fault.code}`)
  // Of what nobody foresaw only where it happened, not what it says: a message may quote input.
  if (options.verbose > 0 && fault.code === 'unexpected') lines.push(...frames(fault))
  context.stderr.write(`${lines.join('\n')}\n`)
  if (options.streams || !['json', 'yaml', 'jsonl'].includes(options.output)) return
  await printDocument(faultDocument(fault), options.output, context)
}

function faultDocument(fault: CliFault): JsonValue {
  return {
    error: {
      code: fault.code,
      title: fault.title,
      detail: fault.detail ?? null,
      fix: fault.fix,
      request_id: fault.id ?? null,
      retryable: fault.retryable,
      ...(fault.problems.length === 0 ? {} : { problems: fault.problems.map((problem) => ({ ...problem })) }),
    },
  }
}

function lower(title: string): string {
  return title.slice(0, 1).toLowerCase() + title.slice(1)
}

function frames(fault: CliFault): string[] {
  const origin = fault.cause instanceof Error ? fault.cause : fault
  return (origin.stack ?? '')
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, 12)
    .map((line) => printable(line))
}
