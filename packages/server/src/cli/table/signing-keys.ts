import type { ArgumentSpec, CommandSpec, OptionSpec } from '../types.ts'

const KID: ArgumentSpec = { name: 'KID', summary: 'the key; `countersign signing-keys list` shows all' }
const REASON: OptionSpec = { name: 'reason', value: 'TEXT', summary: 'why; it is recorded in the audit log' }

/** Commands on the keys that sign, and on what they are sealed under. */
export const SIGNING_KEY_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['signing-keys', 'list'],
    group: 'resources',
    summary: 'the keys that sign, and the state of each',
    examples: [{ line: 'countersign signing-keys list', note: 'public halves and states only' }],
    scope: 'signing-keys:read',
    effect: 'reads',
    load: () => import('../commands/signing-keys.ts'),
  },
  {
    path: ['signing-keys', 'get'],
    group: 'resources',
    summary: 'one key and the times of its states',
    arguments: [KID],
    examples: [{ line: 'countersign signing-keys get HpUxhbt0WBqjx6WNqTqy5jY0AQDHgtsulFeUTreN4BE', note: 'one key' }],
    scope: 'signing-keys:read',
    effect: 'reads',
    exits: { 1: 'there is none' },
    load: () => import('../commands/signing-keys-get.ts'),
  },
  {
    path: ['signing-keys', 'rotate'],
    group: 'resources',
    summary: 'publish a successor now, and sign with it when verifiers have it',
    description: [
      'The schedule rotates the keys of access tokens by itself; this is for doing it earlier, and for the keys of checkpoints and ' +
        'receipts, which change only by command. The successor signs after signing.publishAhead.',
      'With --now it signs at once: verifiers that keep the key set for a time and do not ask again for an unknown key refuse its ' +
        'tokens until they do. A key that others may hold is not rotated but revoked: `countersign signing-keys revoke`.',
    ],
    arguments: [{ name: 'KID', summary: 'the active key to replace', optional: true }],
    options: [
      { name: 'alg', value: 'ALG', choices: ['ES256', 'RS256', 'Ed25519'], summary: 'the key of this algorithm' },
      {
        name: 'purpose',
        value: 'PURPOSE',
        choices: ['access_token', 'checkpoint', 'receipt'],
        summary: 'the key of this purpose; default access_token',
      },
      { name: 'now', summary: 'sign with the new key at once' },
    ],
    examples: [
      { line: 'countersign signing-keys rotate', note: 'the key of access tokens, where one algorithm signs' },
      { line: 'countersign signing-keys rotate --purpose checkpoint', note: 'the key of the audit log' },
    ],
    scope: 'signing-keys:write',
    effect: 'writes',
    load: () => import('../commands/signing-keys-rotate.ts'),
  },
  {
    path: ['signing-keys', 'revoke'],
    group: 'resources',
    summary: 'the emergency: end a key and every token that it signed, and sign with another one',
    description: [
      'In one transaction the key leaves the key set, its private half is erased, its tokens are revoked, and a new key signs. A ' +
        'successor that was published already is revoked with it. Prints the receipt: who has confirmed, and when it is in force ' +
        'everywhere. It cannot be undone.',
    ],
    arguments: [KID],
    options: [
      REASON,
      { name: 'wait', value: 'DURATION', summary: 'how long to wait for a final receipt, at most 60s; default 5s' },
      { name: 'out-file', value: 'FILE', summary: 'write the receipt to a new file, mode 0600' },
    ],
    examples: [
      {
        line: 'countersign signing-keys revoke HpUxhbt0WBqjx6WNqTqy5jY0AQDHgtsulFeUTreN4BE --reason leaked --out-file receipt.json',
        note: 'asks first; --yes does not',
      },
    ],
    scope: 'signing-keys:write',
    effect: 'writes',
    exits: { 1: 'there is none', 5: 'it was revoked before' },
    load: () => import('../commands/signing-keys-revoke.ts'),
  },
  {
    path: ['signing-keys', 'uses'],
    group: 'resources',
    summary: 'what keys were used for, by policy and hour, and whether every signature is accounted for',
    description: [
      'Counts the recorded issuances: signed and confirmed, marked unsigned (and revoked), or not confirmed yet. Exit 1 while any is ' +
        'open, which is normal for a fraction of a second after each exchange and until a server that was killed has been settled.',
    ],
    arguments: [{ name: 'KID', summary: 'one key; all when left out', optional: true }],
    options: [{ name: 'since', value: 'DURATION', summary: 'how far back, at most 31d; default 24h' }],
    examples: [{ line: 'countersign signing-keys uses --since 7d', note: 'a week, with a bar for each hour' }],
    scope: 'signing-keys:read',
    effect: 'reads',
    exits: { 1: 'an issuance is not accounted for' },
    load: () => import('../commands/signing-keys-uses.ts'),
  },
  {
    path: ['seal', 'status'],
    group: 'run',
    summary: 'which key seals the private keys, and whether it would open them at the next start',
    description: ['Asks the server, and where none answers looks at the database of the configuration itself.'],
    examples: [{ line: 'countersign seal status', note: 'exit 1 when the configured key does not open it' }],
    scope: 'signing-keys:read',
    effect: 'reads',
    exits: { 1: 'the configured key does not open the database' },
    load: () => import('../commands/seal-status.ts'),
  },
  {
    path: ['seal', 'rotate'],
    group: 'run',
    summary: 'seal under another key-encryption key, in two halves',
    description: [
      'Works on the database of --config itself, with its present key. First with --to: the key of the other configuration opens the ' +
        'database as well. Then the other configuration is rolled out, and --finish, with it, lets no other key open the database. ' +
        'Servers that run are not disturbed. The embedded store must not be in use.',
      'Without --to it wraps anew under the present key, which after a rotation inside a transit engine is its newest version.',
    ],
    options: [
      { name: 'to', value: 'FILE', summary: 'a configuration whose seal section names the next key' },
      { name: 'finish', summary: 'let the key of --config open the database and no other' },
    ],
    examples: [
      { line: 'countersign seal rotate --config countersign.yaml --to next.yaml', note: 'first half' },
      {
        line: 'countersign seal rotate --config next.yaml --finish',
        note: 'second half, when every server runs with it',
      },
    ],
    effect: 'writes',
    exits: { 5: 'a rotation is not finished, or the other configuration names another database' },
    load: () => import('../commands/seal-rotate.ts'),
  },
  {
    path: ['seal', 'reset'],
    group: 'run',
    summary: 'when the key-encryption key is gone for good: destroy what it sealed, and make new keys',
    description: [
      'Every sealed private key is destroyed and new ones are made under the key of --config. Tokens that are out verify until they ' +
        'expire. The audit log goes on under a new checkpoint key, which auditors will ask about. Stop every server first. If a copy ' +
        'of the key exists anywhere, put it back instead.',
    ],
    options: [REASON, { name: 'destroy-private-keys', summary: 'say that you mean it; --yes alone is not enough' }],
    examples: [
      {
        line: 'countersign seal reset --config countersign.yaml --destroy-private-keys --reason fire',
        note: 'asks first; --yes does not',
      },
    ],
    effect: 'writes',
    exits: { 5: 'a server runs, or nothing is sealed' },
    load: () => import('../commands/seal-reset.ts'),
  },
]
