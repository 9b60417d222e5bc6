import type { CommandSpec, OptionSpec } from '../types.ts'

const FILES: OptionSpec = {
  name: 'file',
  short: 'f',
  value: 'PATH',
  repeat: true,
  summary: 'file, directory (its .yaml, .yml and .json) or - for stdin',
}

const WIDENING: OptionSpec = {
  name: 'allow-widening',
  value: 'HASH',
  summary: 'consent to exactly the widening that `countersign diff` printed this hash for',
}

const PRUNE: readonly OptionSpec[] = [
  { name: 'prune', summary: 'delete what was applied under --set before and is missing now' },
  { name: 'set', value: 'NAME', summary: 'the name of this set of files' },
]

const FILE_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['diff'],
    group: 'resources',
    summary: 'what applying these files would change, and what it would admit',
    options: [FILES, ...PRUNE],
    examples: [{ line: 'countersign diff -f policies/', note: 'before every apply, and in the pull request' }],
    scope: 'resources:diff',
    effect: 'reads',
    exits: { 0: 'no differences', 1: 'there are differences', 2: 'a document is not valid' },
    load: () => import('../commands/diff.ts'),
  },
  {
    path: ['apply'],
    group: 'resources',
    summary: 'make the stored resources equal to these files: all or nothing',
    description: [
      'Replaces the whole spec of each resource: a condition that a file no longer names is removed. What admits more than before ' +
        'is refused without --allow-widening and the hash that diff printed for exactly this change.',
    ],
    options: [FILES, WIDENING, ...PRUNE],
    examples: [
      { line: 'countersign apply -f policies/', note: 'narrowing needs no consent' },
      { line: 'countersign apply -f policies/ --prune --set acme', note: 'what the files no longer name is deleted' },
    ],
    scope: 'resources:apply',
    effect: 'writes',
    dryRun: true,
    exits: { 2: 'a document is not valid or a test of a policy fails', 5: 'it widens without consent' },
    load: () => import('../commands/apply.ts'),
  },
  {
    path: ['export'],
    group: 'resources',
    summary: 'every resource as files that apply takes',
    examples: [{ line: 'countersign export > acme.yaml', note: 'YAML, sorted by kind and name' }],
    scope: 'resources:export',
    effect: 'reads',
    outputs: ['table', 'yaml', 'json', 'jsonl'],
    load: () => import('../commands/export.ts'),
  },
  {
    path: ['lint'],
    group: 'resources',
    summary: 'faults and dangers of files, with the fix of each; changes nothing',
    options: [FILES, { name: 'strict', summary: 'warnings count as the answer no, too' }],
    examples: [{ line: 'countersign lint -f policies/', note: 'in the pull request' }],
    scope: 'resources:diff',
    effect: 'reads',
    exits: { 1: 'at least one error (with --strict: or warning)' },
    load: () => import('../commands/lint.ts'),
  },
  {
    path: ['schema'],
    group: 'resources',
    summary: 'the JSON Schema of a kind, for editors',
    arguments: [
      {
        name: 'KIND',
        summary: 'the kind',
        choices: ['Team', 'Person', 'Workload', 'Service', 'TrustProvider', 'TrustPolicy'],
      },
    ],
    examples: [{ line: 'countersign schema TrustPolicy > trust-policy.schema.json', note: 'point the editor at it' }],
    effect: 'reads',
    outputs: ['table', 'json', 'yaml', 'jsonl'],
    load: () => import('../commands/schema.ts'),
  },
]

const SEEN: OptionSpec = { name: 'seen', summary: 'as exchanges recorded them, registered or not' }

interface Noun {
  readonly noun: string
  readonly one: string
  readonly example: string
  readonly id: string
  readonly argument?: string
}

const NOUNS: readonly Noun[] = [
  { noun: 'trust-providers', one: 'trust provider', example: 'github-acme', id: 'tp_01jz8m2q4c6e8g0j2m4p6r8t0v' },
  { noun: 'trust-policies', one: 'trust policy', example: 'deploy-orders', id: 'pol_01jz8m2q4c6e8g0j2m4p6r8t0v' },
  { noun: 'services', one: 'service', example: 'orders-api', id: 'svc_01jz8m2q4c6e8g0j2m4p6r8t0v' },
  { noun: 'workloads', one: 'workload', example: 'wl_3f9a1c', id: 'wl_3f9a1c' },
  {
    noun: 'owners',
    one: 'team or person',
    example: 'team:orders',
    id: 'team_01jz8m2q4c6e8g0j2m4p6r8t0v',
    argument: 'team:NAME, person:NAME or the id',
  },
]

function nounCommands({ noun, one, example, id, argument = 'its name or id' }: Noun): CommandSpec[] {
  const target = [{ name: 'NAME', summary: argument }]
  // Teams and people have scopes of their own; the pair of them is one noun for who types.
  const scope = (act: 'read' | 'write') => (noun === 'owners' ? `teams:${act} or people:${act}` : `${noun}:${act}`)
  return [
    {
      path: [noun, 'list'],
      group: 'resources',
      summary: noun === 'owners' ? 'teams and people' : `the ${noun.replace('-', ' ')}`,
      ...(noun === 'workloads' ? { options: [SEEN] } : {}),
      examples: [{ line: `countersign ${noun} list --all`, note: 'every page' }],
      scope: scope('read'),
      effect: 'reads',
      load: () => import('../commands/resource-list.ts'),
    },
    {
      path: [noun, 'get'],
      group: 'resources',
      summary: `one ${one}, as apply takes it`,
      arguments: target,
      examples: [{ line: `countersign ${noun} get ${example} -o yaml`, note: 'with its revision and times' }],
      scope: scope('read'),
      effect: 'reads',
      exits: { 1: 'there is none' },
      load: () => import('../commands/resource-get.ts'),
    },
    {
      path: [noun, 'create'],
      group: 'resources',
      summary: `create a ${one} from a file`,
      options: [FILES, WIDENING],
      examples: [{ line: `countersign ${noun} create -f ${noun}.yaml`, note: 'one document; apply takes many' }],
      scope: scope('write'),
      effect: 'writes',
      exits: { 5: 'the name is taken, or it widens without consent' },
      load: () => import('../commands/resource-create.ts'),
    },
    {
      path: [noun, 'delete'],
      group: 'resources',
      summary: `delete a ${one}; can be undone for 7 days`,
      arguments: target,
      examples: [{ line: `countersign ${noun} delete ${example} --yes`, note: 'without being asked' }],
      scope: scope('write'),
      effect: 'writes',
      exits: { 1: 'there is none', 5: 'others refer to it, or it changed meanwhile' },
      load: () => import('../commands/resource-delete.ts'),
    },
    ...(['enable', 'disable', 'restore'] as const).map(
      (act): CommandSpec => ({
        path: [noun, act],
        group: 'resources',
        summary: ACTS[act].replace('ONE', one),
        arguments: act === 'restore' ? [{ name: 'ID', summary: 'its id, as delete printed it' }] : target,
        examples: [
          {
            line: `countersign ${noun} ${act} ${act === 'restore' ? id : example}`,
            note: ACTS[act].replace('ONE', one),
          },
        ],
        scope: scope('write'),
        effect: 'writes',
        exits: { 1: 'there is none' },
        load: () => import('../commands/resource-act.ts'),
      }),
    ),
  ]
}

const ACTS = {
  enable: 'let the ONE take part in exchanges again',
  disable: 'stop new exchanges through the ONE; reversible',
  restore: 'undo the deletion of the ONE; what it revoked stays revoked',
} as const

const POLICY_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['trust-policies', 'test'],
    group: 'resources',
    summary: "run a policy's own tests against it and its provider's require",
    options: [FILES],
    examples: [{ line: 'countersign trust-policies test -f deploy-orders.yaml', note: 'before it is applied' }],
    scope: 'trust-policies:test',
    effect: 'reads',
    exits: { 1: 'a test fails' },
    load: () => import('../commands/policy-test.ts'),
  },
  {
    path: ['trust-policies', 'generate'],
    group: 'resources',
    summary: 'the tight policy that would admit exactly one recorded workload, in shadow mode',
    options: [{ name: 'from', value: 'EVENT_ID', summary: 'the event of the exchange' }],
    examples: [
      {
        line: 'countersign trust-policies generate --from evt_01jz8m2q4c6e8g0j2m4p6r8t0v > deploy.yaml',
        note: 'read it, then apply it',
      },
    ],
    scope: 'trust-policies:generate',
    effect: 'reads',
    outputs: ['table', 'yaml', 'json', 'jsonl'],
    load: () => import('../commands/policy-generate.ts'),
  },
]

/** Commands on resources: as files, and one by one. */
export const RESOURCE_COMMANDS: readonly CommandSpec[] = [
  ...FILE_COMMANDS,
  ...NOUNS.flatMap((noun) =>
    noun.noun === 'trust-policies' ? [...nounCommands(noun), ...POLICY_COMMANDS] : nounCommands(noun),
  ),
]
