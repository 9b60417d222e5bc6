import type { CommandSpec } from '../types.ts'

/** Commands on events and on the log that proves them. */
export const AUDIT_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['events', 'list'],
    group: 'audit',
    summary: 'recorded events, newest first',
    examples: [
      { line: 'countersign events list --filter outcome=denied --limit 20', note: 'filters: kind, outcome, workload' },
    ],
    scope: 'events:read',
    effect: 'reads',
    load: () => import('../commands/event-list.ts'),
  },
  {
    path: ['events', 'get'],
    group: 'audit',
    summary: 'one event as it was recorded',
    arguments: [{ name: 'EVENT_ID', summary: 'its id' }],
    examples: [
      { line: 'countersign events get evt_01jz8m2q4c6e8g0j2m4p6r8t0v -o json', note: 'the recorded document' },
    ],
    scope: 'events:read',
    effect: 'reads',
    exits: { 1: 'there is none' },
    load: () => import('../commands/event-get.ts'),
  },
  {
    path: ['audit', 'tail'],
    group: 'audit',
    summary: 'events as they are recorded, until Ctrl-C',
    options: [{ name: 'interval', value: 'DURATION', summary: 'how often to look; default 1s' }],
    examples: [{ line: 'countersign audit tail --filter outcome=denied -o jsonl', note: 'one document per line' }],
    scope: 'events:read',
    effect: 'reads',
    outputs: ['table', 'wide', 'jsonl'],
    load: () => import('../commands/audit-tail.ts'),
  },
  {
    path: ['audit', 'export'],
    group: 'audit',
    summary: 'the whole log with its checkpoints, for offline verification',
    options: [{ name: 'out-file', value: 'FILE', summary: 'write to a new file, mode 0600, instead of stdout' }],
    examples: [
      { line: 'countersign audit export --out-file audit.jsonl', note: 'then `countersign audit verify audit.jsonl`' },
    ],
    scope: 'audit:export',
    effect: 'reads',
    outputs: ['table', 'jsonl'],
    load: () => import('../commands/audit-export.ts'),
  },
  {
    path: ['audit', 'verify'],
    group: 'audit',
    summary: 'verify an export or a receipt offline and name what is wrong',
    description: [
      'Contacts nothing. Of an export it finds any change, deletion, insertion, reordering, truncation or fork, and names the first ' +
        'bad entry. Of a receipt it checks that the receipt key has signed what it shows, and that the same facts are in the log.',
      'Who could have replaced the whole is ruled out only with --key-file: the public keys of the log and of its receipts (`audit ' +
        'keys` prints both); for an export also by an earlier checkpoint kept elsewhere.',
    ],
    arguments: [{ name: 'FILE', summary: 'the export or receipt; - reads stdin' }],
    options: [
      {
        name: 'key-file',
        value: 'FILE',
        summary: 'verifier keys of the log and of its receipts, one per line, from a place that you trust',
      },
      { name: 'checkpoint-file', value: 'FILE', summary: 'a checkpoint kept elsewhere that the log must contain' },
    ],
    examples: [
      {
        line: 'countersign audit verify audit.jsonl --key-file log.key',
        note: 'exit 1 and the first bad entry if not',
      },
      { line: 'countersign audit verify receipt.json --key-file log.key', note: 'a receipt, check by check' },
    ],
    effect: 'reads',
    exits: { 1: 'the export or receipt does not verify' },
    load: () => import('../commands/audit-verify.ts'),
  },
  {
    path: ['audit', 'checkpoint'],
    group: 'audit',
    summary: 'the newest signed checkpoint; keep it elsewhere as a witness',
    examples: [{ line: 'countersign audit checkpoint > checkpoint.txt', note: 'a C2SP signed note' }],
    scope: 'audit:read',
    effect: 'reads',
    outputs: ['table', 'json', 'yaml', 'jsonl'],
    load: () => import('../commands/audit-checkpoint.ts'),
  },
  {
    path: ['audit', 'keys'],
    group: 'audit',
    summary: 'the public keys that verify the log and receipts; keep them elsewhere',
    examples: [{ line: 'countersign audit keys > log.key', note: 'for `audit verify --key-file`' }],
    scope: 'audit:read',
    effect: 'reads',
    outputs: ['table', 'json', 'yaml', 'jsonl'],
    load: () => import('../commands/audit-keys.ts'),
  },
]
