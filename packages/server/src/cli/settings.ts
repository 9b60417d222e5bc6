import { parseDurationMs } from '../lib/index.ts'
import { cliFault } from './faults.ts'
import { OUTPUT_FORMATS } from './global-options.ts'
import type { ParsedLine } from './parse.ts'
import type { OutputFormat } from './types.ts'

/** Where a setting came from; `whoami` prints it. */
export type Origin = 'flag' | 'environment' | 'default'

/** What flags and environment say together; a flag wins over the environment. */
export interface Settings {
  readonly output: OutputFormat
  readonly server: { readonly url: string; readonly origin: Origin } | undefined
  readonly socket: { readonly path: string; readonly origin: Origin } | undefined
  readonly tokenFile: { readonly path: string; readonly origin: Origin } | undefined
  readonly dataDirectory: string | undefined
  readonly configFile: string | undefined
  readonly columns: readonly string[] | undefined
  readonly filters: Readonly<Record<string, string>>
  readonly limit: number | undefined
  readonly all: boolean
  readonly mayAsk: boolean
  readonly yes: boolean
  readonly dryRun: boolean
  readonly timeoutMs: number
  readonly requestId: string | undefined
  readonly colour: boolean
  readonly verbose: number
  readonly quiet: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** The output format that a line asks for, even when the line is otherwise wrong: its error must come in that format. */
export function findOutput(line: ParsedLine, env: Environment): OutputFormat {
  const named = line.flags.get('output')?.at(-1) ?? env['COUNTERSIGN_OUTPUT']
  return OUTPUT_FORMATS.find((format) => format === named) ?? 'table'
}

/**
 * Settings from the line and the environment.
 * @throws CliFault usage, naming the flag or variable whose value is wrong
 */
export function parseSettings(line: ParsedLine, env: Environment): Settings {
  const one = (name: string): string | undefined => line.flags.get(name)?.at(-1)
  const has = (name: string): boolean => line.flags.has(name)
  const variable = (name: string): string | undefined => env[name] || undefined
  const format = variable('COUNTERSIGN_OUTPUT')
  if (!has('output') && format && !OUTPUT_FORMATS.some((known) => known === format)) {
    throw cliFault('usage', 'COUNTERSIGN_OUTPUT does not know this value', {
      fix: `one of ${OUTPUT_FORMATS.join(', ')}`,
    })
  }
  const tokenFlag = one('token-file')
  const tokenFile = tokenFlag ?? variable('COUNTERSIGN_TOKEN_FILE')
  return {
    output: findOutput(line, env),
    ...parseTarget(one('server'), one('socket') ?? undefined, has('data-dir'), variable),
    tokenFile:
      tokenFile === undefined
        ? undefined
        : { path: tokenFile, origin: tokenFlag === undefined ? 'environment' : 'flag' },
    dataDirectory: one('data-dir'),
    configFile: one('config') ?? variable('COUNTERSIGN_CONFIG'),
    columns: one('columns')
      ?.split(',')
      .map((name) => name.trim().toLowerCase()),
    filters: parseFilters(line.flags.get('filter') ?? []),
    limit: parseLimit(one('limit')),
    all: has('all'),
    mayAsk: !has('no-input') && !isOn(env['COUNTERSIGN_NO_INPUT']) && !isOn(env['CI']),
    yes: has('yes'),
    dryRun: has('dry-run'),
    timeoutMs: parseTimeout(one('timeout')),
    requestId: parseRequestId(one('request-id')),
    colour: !has('no-color') && !variable('NO_COLOR'),
    verbose: line.flags.get('verbose')?.length ?? 0,
    quiet: has('quiet'),
  }
}

// A flag of either kind silences both variables: who names a socket must never reach a server that the environment names.
function parseTarget(
  server: string | undefined,
  socket: string | undefined,
  hasDataDirectory: boolean,
  variable: (name: string) => string | undefined,
): Pick<Settings, 'server' | 'socket'> {
  if ([server !== undefined, socket !== undefined, hasDataDirectory].filter(Boolean).length > 1) {
    throw cliFault('usage', '--server, --socket and --data-dir name different servers', { fix: 'give one of them' })
  }
  if (server !== undefined) return { server: { url: server, origin: 'flag' }, socket: undefined }
  if (socket !== undefined) return { server: undefined, socket: { path: socket, origin: 'flag' } }
  if (hasDataDirectory) return { server: undefined, socket: undefined }
  const url = variable('COUNTERSIGN_SERVER')
  const path = variable('COUNTERSIGN_SOCKET')
  if (url !== undefined && path !== undefined) {
    throw cliFault('usage', 'COUNTERSIGN_SERVER and COUNTERSIGN_SOCKET are both set', {
      fix: 'unset one, or name the server with --server or --socket',
    })
  }
  return {
    server: url === undefined ? undefined : { url, origin: 'environment' },
    socket: path === undefined ? undefined : { path, origin: 'environment' },
  }
}

function parseFilters(texts: readonly string[]): Record<string, string> {
  const filters = new Map<string, string>()
  for (const text of texts) {
    const match = /^([a-z][a-z0-9_]{0,40})=(.{1,500})$/su.exec(text)
    if (!match?.[1] || match[2] === undefined || filters.has(match[1])) {
      throw cliFault('usage', '--filter needs NAME=VALUE, each name once', { fix: 'write --filter outcome=denied' })
    }
    filters.set(match[1], match[2])
  }
  return Object.fromEntries(filters)
}

function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9][0-9]{0,5}$/.test(text)) {
    throw cliFault('usage', '--limit needs a whole number above 0', { fix: 'write --limit 50' })
  }
  return Number(text)
}

function parseTimeout(text: string | undefined): number {
  if (text === undefined) return 30_000
  const durationMs = parseDurationMs(text)
  if (durationMs === undefined || durationMs > 3_600_000) {
    throw cliFault('usage', '--timeout needs a duration of at most 1h', { fix: 'write --timeout 30s' })
  }
  return durationMs
}

function parseRequestId(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/.test(text)) {
    throw cliFault('usage', '--request-id needs 8 to 64 letters, digits, dots, dashes or underscores', {
      fix: 'write --request-id deploy-000042',
    })
  }
  return text
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value.toLowerCase() !== 'false'
}
