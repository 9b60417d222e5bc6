import { z } from 'zod'
import { CONFIG_SCHEMA } from '../../packages/server/src/config.ts'
import { type JsonSchema, leavesOf, type Member, typeOf } from './json-schema.ts'
import { code, generatedPage, table } from './markdown.ts'

/** docs/reference/configuration.md: every key of the configuration file with its variable. */
export function renderConfiguration(): string {
  // Both directions are needed: only the input has the defaults as they are written, and some defaults appear in one of them only.
  const input = z.toJSONSchema(CONFIG_SCHEMA, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const rows = leavesOf(input).map((member) => [
    code(member.path.join('.')),
    typeOf(member.schema),
    defaultOf(member),
    code(variableOf(member)),
    member.schema.description ?? '',
  ])
  const lines = [
    ...generatedPage('Configuration', 'packages/server/src/config.ts'),
    'How the server runs. What is allowed is not configuration: providers, services and policies are [resources](resources.md), changed',
    'through the API and audited.',
    '',
    'One YAML file, named with `--config`; without it `./countersign.yaml` if there is one. Every key has an environment variable, which wins',
    'over the file. Relative paths are relative to the file. Unknown keys are refused. All faults are reported at once, each with its line and',
    'fix, and the server does not start.',
    '',
    'Durations are a whole number and a unit: `30s`, `15m`, `24h`, `90d`. Lists in a variable are separated by commas.',
    '',
    ...table(['key', 'type', 'default', 'variable', 'meaning'], rows),
  ]
  return `${lines.join('\n')}\n`
}

function defaultOf({ schema, required, path }: Member): string {
  if (required) return 'required'
  const value = schema.default ?? defaultAt(path)
  if (value === undefined) return ''
  return code(typeof value === 'string' ? value : JSON.stringify(value))
}

/** A default that only parsing shows: JSON Schema drops those of unions that transform. */
function defaultAt(path: readonly string[]): unknown {
  const parsed: unknown = CONFIG_SCHEMA.parse({ issuer: 'http://127.0.0.1' })
  return path.reduce<unknown>((node, name) => (node as Record<string, unknown> | undefined)?.[name], parsed)
}

function variableOf({ path }: Member): string {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
  return `COUNTERSIGN_${path.map(snake).join('__')}`
}
