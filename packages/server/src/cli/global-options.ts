import type { OptionSpec, OutputFormat } from './types.ts'

/** Every output format, in the order that help shows. */
export const OUTPUT_FORMATS: readonly OutputFormat[] = ['table', 'wide', 'json', 'yaml', 'jsonl', 'id']

/** The flags that every command accepts, anywhere on the line. None carries a credential's value (W-15). */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: 'server', value: 'URL', summary: 'the server, instead of the local socket; needs --token-file' },
  { name: 'socket', value: 'PATH', summary: "the server's local socket" },
  { name: 'token-file', value: 'FILE', summary: 'file with the access token for --server; - reads stdin' },
  { name: 'data-dir', value: 'DIR', summary: "the server's data directory; its socket is run/admin.sock in it" },
  { name: 'config', value: 'FILE', summary: "the server's configuration file" },
  { name: 'output', short: 'o', value: 'FORMAT', choices: OUTPUT_FORMATS, summary: 'how the result is printed' },
  { name: 'columns', value: 'A,B', summary: 'the columns of a table' },
  { name: 'filter', value: 'NAME=VALUE', repeat: true, summary: 'only items for which the server finds this true' },
  { name: 'limit', value: 'N', summary: 'at most N items' },
  { name: 'all', summary: 'every page of a list' },
  { name: 'no-input', summary: 'never ask; fail and name the missing flag' },
  { name: 'yes', summary: 'confirm what would be asked' },
  { name: 'dry-run', summary: 'full checks, nothing written' },
  { name: 'timeout', value: 'DURATION', summary: 'how long to wait for the server, such as 30s' },
  { name: 'request-id', value: 'ID', summary: "the request's id in the server's log" },
  { name: 'no-color', summary: 'no colour' },
  { name: 'verbose', short: 'v', repeat: true, summary: 'say what is tried' },
  { name: 'quiet', short: 'q', summary: 'no notes on stderr' },
  { name: 'help', short: 'h', summary: 'help for the command' },
  { name: 'version', summary: 'the version' },
]

/** Environment variables that stand in for flags, and those that are honoured by convention. None carries a credential. */
export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['COUNTERSIGN_SERVER', '--server'],
  ['COUNTERSIGN_SOCKET', '--socket'],
  ['COUNTERSIGN_CONFIG', '--config'],
  ['COUNTERSIGN_OUTPUT', '--output'],
  ['COUNTERSIGN_TOKEN_FILE', '--token-file'],
  ['COUNTERSIGN_NO_INPUT', '--no-input'],
  ['NO_COLOR', '--no-color'],
  ['CI', 'never ask, as --no-input'],
]
