import type { CommandSpec } from '../types.ts'

/** Commands that run a server, or look after one. */
export const SERVER_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['quickstart'],
    group: 'run',
    summary: 'see the whole in a minute: exchange, refusal explained, replay refused, revocation with its receipt',
    description: [
      'Starts a server, emulated issuers and an example API on loopback, and runs the main job against them. Asks nothing, ' +
        'prints no credential, stops at the first step whose result is not what it must be.',
    ],
    options: [
      { name: 'check', summary: 'no text, only the exit code' },
      { name: 'keep', summary: 'leave everything running until Ctrl-C' },
      { name: 'directory', value: 'DIR', summary: 'where its files go; default ./.quickstart' },
    ],
    examples: [
      { line: 'countersign quickstart', note: 'run it, then look at the files in .quickstart' },
      { line: 'countersign quickstart --output json', note: 'one record per step, for programs' },
    ],
    effect: 'writes',
    outputs: ['table', 'json', 'jsonl'],
    exits: { 1: 'a step did not give the result that it must give' },
    load: () => import('../commands/quickstart.ts'),
  },
  {
    path: ['serve'],
    group: 'run',
    summary: 'run the server until SIGINT or SIGTERM',
    description: [
      'Reads --config, else ./countersign.yaml if there is one, and the environment. Prints one line when it is ready. Ends ' +
        'gracefully: open requests are answered, then the database is closed.',
    ],
    examples: [
      { line: 'countersign serve --config /etc/countersign/countersign.yaml', note: 'with a configuration file' },
      { line: 'COUNTERSIGN_ISSUER=http://127.0.0.1:8700 countersign serve', note: 'embedded, on loopback' },
    ],
    effect: 'writes',
    outputs: ['table', 'json', 'jsonl'],
    exits: { 2: 'the configuration, the data directory or a key is not usable; nothing was changed' },
    load: () => import('../commands/serve.ts'),
  },
  {
    path: ['migrate'],
    group: 'run',
    summary: 'bring the database schema up to date, and end',
    examples: [{ line: 'countersign migrate --config countersign.yaml', note: 'before the new version is started' }],
    effect: 'writes',
    load: () => import('../commands/migrate.ts'),
  },
  {
    path: ['doctor'],
    group: 'run',
    summary: 'what is wrong with this installation, and how to fix it',
    description: [
      'Looks at the Node version, the configuration, the data directory and key file, the socket, the readiness of the server, ' +
        'the clocks, the issuers of the registered providers as seen from this host, and the audit log. Each is ok, warn or fail.',
    ],
    options: [
      {
        name: 'skip',
        value: 'CHECK',
        repeat: true,
        choices: [
          'node',
          'configuration',
          'data-directory',
          'key-file',
          'socket',
          'server',
          'clock',
          'issuers',
          'audit',
        ],
        summary: 'leave out a check',
      },
    ],
    examples: [
      { line: 'countersign doctor', note: 'everything, over the local socket' },
      { line: 'countersign doctor --skip issuers -o json', note: 'without contacting issuers, as one document' },
    ],
    scope: 'status:read',
    effect: 'reads',
    exits: { 1: 'at least one check fails' },
    load: () => import('../commands/doctor.ts'),
  },
]
