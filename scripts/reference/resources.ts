import { KINDS } from '../../packages/server/src/admin/index.ts'
import { jsonSchemaFor, type ResourceKind } from '../../packages/server/src/resources/index.ts'
import { type JsonSchema, leavesOf, type Member, typeOf } from './json-schema.ts'
import { code, generatedPage, table } from './markdown.ts'
import { MEANINGS } from './meanings.ts'

/** docs/reference/schemas/*.json: the JSON Schema of each kind, for editors and other tools. */
export function renderSchemas(): ReadonlyMap<string, string> {
  return new Map(
    KINDS.map((kind) => [`schemas/${kind.plural}.json`, `${JSON.stringify(jsonSchemaFor(kind), null, 2)}\n`]),
  )
}

/** docs/reference/resources.md: every kind with its members. */
export function renderResources(): string {
  const lines = [
    ...generatedPage('Resources', 'the resource kinds (packages/server/src/admin/kinds.ts)'),
    'What an installation allows is a set of documents. They are YAML or JSON, several to a file if separated by `---`, and applied all or',
    'none with `countersign apply`. Unknown members, duplicate keys, anchors and aliases are refused. `countersign schema KIND` prints the JSON Schema of a kind.',
    '',
    '```yaml',
    'apiVersion: countersign/v1',
    'kind: Team',
    'metadata: { name: platform }',
    'spec: { contact: platform@acme.example }',
    '```',
    ...KINDS.flatMap(describe),
    '',
    '## Conditions of `spec.match`',
    '',
    'A claim and a value means equals. Otherwise a claim has one or more operators, all of which must hold. A claim that is absent satisfies',
    'nothing but `exists: false`; one that came with another type than the [preset](presets.md) says satisfies nothing. Nothing is converted:',
    '`"1"` is not `1`. There are no regular expressions.',
    '',
    ...table(
      ['operator', 'holds when the claim'],
      [
        [
          '`eq`',
          'equals the value, byte for byte; claims that the platform compares without case are compared that way',
        ],
        ['`in`', 'equals one of the values'],
        ['`notIn`', 'is present and equals none of the values'],
        [
          '`glob`',
          'matches the pattern: `*` stands for characters of one segment and never crosses `/` or `:`; `**` may only be the whole last segment and stands for the rest',
        ],
        ['`exists`', 'is present (`true`) or absent (`false`)'],
        ['`lt`, `gt`', 'is a number below, above the value'],
        ['`cidr`', 'is an address inside one of the ranges'],
      ],
    ),
  ]
  return `${lines.join('\n')}\n`
}

function describe(kind: ResourceKind): string[] {
  const schema = jsonSchemaFor(kind) as unknown as JsonSchema
  const metadata = schema.properties?.['metadata']
  const spec = schema.properties?.['spec'] ?? {}
  const rows = [
    ...(metadata ? leavesOf(metadata, ['metadata']) : []),
    ...leavesOf(spec, ['spec']),
    ...(kind.hasTests ? leavesOf({ properties: { tests: schema.properties?.['tests'] ?? {} } }) : []),
  ].map((member) => [code(member.path.join('.')), typeOf(member.schema), needOf(member), meaningOf(kind.kind, member)])
  return [
    '',
    `## ${kind.kind}`,
    '',
    `${kind.summary} API and command line: \`${kind.plural}\`. JSON Schema: [schemas/${kind.plural}.json](schemas/${kind.plural}.json).`,
    '',
    ...table(['member', 'type', 'required or default', 'meaning'], rows),
  ]
}

function needOf({ schema, required, within }: Member): string {
  if (required) return within === undefined ? 'required' : `required in \`${within}\``
  return schema.default === undefined ? '' : code(String(schema.default))
}

/** What the schema says of a member, else what is said here. A member that nobody explains stops the generator. */
function meaningOf(kind: string, { path, schema }: Member): string {
  const name = `${kind} ${path.join('.')}`
  const meaning = schema.description ?? MEANINGS[name]
  if (meaning === undefined)
    throw new Error(`no meaning for ${name}: describe it in its schema or in scripts/reference/meanings.ts`)
  return meaning
}
