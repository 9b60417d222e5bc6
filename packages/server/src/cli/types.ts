import type { JsonValue } from '../lib/index.ts'
import type { Modules } from './modules.ts'
import type { Settings } from './settings.ts'
import type { Layout } from './terminal/layout.ts'

/** How a result is printed. `table` and `wide` are for people, the others for programs. */
export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml' | 'jsonl' | 'id'

/** One flag. Without `value` it is a switch; with it, `value` names what it takes in help texts. */
export interface OptionSpec {
  readonly name: string
  readonly short?: string
  readonly value?: string
  readonly repeat?: true
  readonly choices?: readonly string[]
  readonly summary: string
}

/** One positional argument. `many` may only be the last. */
export interface ArgumentSpec {
  readonly name: string
  readonly summary: string
  readonly optional?: true
  readonly many?: true
  readonly choices?: readonly string[]
}

/** The headings under which help lists the commands. */
export type CommandGroup = 'run' | 'federate' | 'resources' | 'audit' | 'about'

/** One command as data: help, completion, reference and suggestions are made from it. `load` brings its code when it runs. */
export interface CommandSpec {
  /** One word, or noun and verb. Nouns equal the API's paths. */
  readonly path: readonly [string] | readonly [string, string]
  readonly group: CommandGroup
  readonly summary: string
  /** Paragraphs of the command's own help. */
  readonly description?: readonly string[]
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  readonly examples: readonly { readonly line: string; readonly note: string }[]
  /** The management scope that the call needs over `--server`; the local socket holds all. */
  readonly scope?: string
  /** `writes` refuses `--dry-run` unless `dryRun` says that the command honours it: a dry run never writes. */
  readonly effect: 'reads' | 'writes'
  readonly dryRun?: true
  /** Accepts `-- CMD ARGS`. */
  readonly trailing?: true
  /** Formats it can print; all when absent. */
  readonly outputs?: readonly OutputFormat[]
  /** What exit codes other than 0 and the common ones mean here. */
  readonly exits?: Readonly<Partial<Record<number, string>>>
  load(): Promise<{ readonly run: CommandRun }>
}

/** What a command gets: its parsed line, where to find the server, and the process's streams. */
export interface Invocation {
  readonly command: CommandSpec
  readonly arguments: readonly string[]
  /** What followed `--`. */
  readonly trailing: readonly string[] | undefined
  /** Whether a switch was given. */
  flag(name: string): boolean
  /** The value of an option that may be given once. */
  option(name: string): string | undefined
  /** Every value of a repeatable option. */
  options(name: string): readonly string[]
  readonly settings: Settings
  readonly context: CliContext
}

/** A column of a list. `read` gets one item; `wide` columns show only with `-o wide` or `--columns`. */
export interface Column {
  readonly name: string
  readonly wide?: true
  read(item: JsonValue): string
}

/**
 * What a command answers. It is printed in one place, so that `-o json` is always exactly one document.
 * `streamed`: the command wrote its own output.
 */
export type CommandResult =
  | {
      readonly exit: number
      readonly document: JsonValue
      text(layout: Layout): string
      /** Lines for stderr, such as where the next page begins. */
      readonly notes?: readonly string[]
    }
  | {
      readonly exit: number
      readonly list: { readonly items: readonly JsonValue[]; readonly next: string | null }
      readonly columns: readonly Column[]
      readonly notes?: readonly string[]
    }
  | { readonly exit: number; readonly streamed: true }

/** The code of a command. Failures are thrown as `CliFault` (or `ServiceError`); an answer of no is a result with exit 1. */
export type CommandRun = (invocation: Invocation) => Promise<CommandResult>

/** A stream that text is written to. */
export interface TextSink {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

/** Everything of the process that commands touch, so that tests own it. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean | undefined }
  readonly stdout: TextSink
  readonly stderr: TextSink
  readonly now: () => Date
  /** Aborted by the first SIGINT or SIGTERM; the reason is the signal's name. */
  readonly signal: AbortSignal
  readonly modules: Modules
}
