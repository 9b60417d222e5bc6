import { COUNTERSIGN_ERROR_CODES } from '@countersign/sdk'
import { CLI_FAULTS } from '../../packages/server/src/cli/faults.ts'
import { ERRORS } from '../../packages/server/src/errors.ts'
import { code, generatedPage, table } from './markdown.ts'

/** docs/reference/errors.md: every code that the product can answer, print or throw. */
export function renderErrors(): string {
  const server = Object.entries(ERRORS).map(([name, error]) => [
    `<a id="${name}"></a>\`${name}\``,
    String(error.status),
    code(error.oauth ?? undefined),
    error.title,
    error.fix,
  ])
  const cli = Object.entries(CLI_FAULTS).map(([name, { exit, title, fix }]) => [
    `<a id="${name}"></a>\`${name}\``,
    String(exit),
    title,
    fix,
  ])
  const sdk = Object.entries(COUNTERSIGN_ERROR_CODES).map(([name, { retryable, message }]) => [
    `<a id="sdk-${name}"></a>\`${name}\``,
    retryable ? 'yes' : 'no',
    message,
  ])
  const lines = [
    ...generatedPage(
      'Error codes',
      'packages/server/src/errors.ts, packages/server/src/cli/faults.ts and packages/sdk/src/errors.ts',
    ),
    'Codes are stable: programs may switch on them. Titles and fixes may be reworded. `countersign errors CODE` prints the same.',
    '',
    '## Server',
    '',
    'OAuth endpoints answer with the OAuth error only, a fixed text and an `error_id`; the code in the first column is what',
    '`countersign explain` shows an administrator. The management API answers RFC 9457 problems with the code itself.',
    'Codes without an OAuth error come from the management API, from the start of the server, or from the command line.',
    '',
    ...table(['code', 'HTTP status', 'OAuth error', 'means', 'fix'], server),
    '',
    '## Command line',
    '',
    'These arise in the command line itself. It also prints the codes of the server.',
    '',
    ...table(['code', 'exit code', 'means', 'fix'], cli),
    '',
    '## SDK',
    '',
    'The `code` of a `CountersignError` of `@countersign/sdk`. To the caller of your API every one of them is one opaque 401, or 503',
    'when it is retryable.',
    '',
    ...table(['code', 'retryable', 'means'], sdk),
  ]
  return `${lines.join('\n')}\n`
}
