import type { CommandSpec } from '../types.ts'

/** Commands that end what is out, and on the receipts of that. */
export const REVOCATION_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['revoke'],
    group: 'federate',
    summary: 'end credentials that are out, everywhere, with a receipt',
    description: [
      'From the answer on, this server and every verifier that follows refuses what was revoked; the receipt says who has ' +
        'confirmed, who does not follow, and when it is effective everywhere. A jti and a signing key are final; the other kinds ' +
        'end what was issued up to now, and new exchanges go on unless --disable stops them.',
      'While it waits it says how many verifiers have confirmed. Interrupting it ends the waiting only.',
    ],
    arguments: [
      {
        name: 'KIND',
        summary: 'what is revoked',
        choices: ['jti', 'subject', 'workload', 'policy', 'provider', 'service', 'signing-key', 'issued-before'],
      },
      { name: 'VALUE', summary: 'its id or name; for issued-before an instant (RFC 3339) or `now`' },
    ],
    options: [
      { name: 'reason', value: 'TEXT', summary: 'why; recorded and part of the receipt' },
      {
        name: 'disable',
        summary: 'stop new exchanges through it as well; for a workload, policy, provider or service',
      },
      { name: 'force', summary: 'revoke although nothing is known under this value, e.g. after a restore' },
      {
        name: 'wait',
        value: 'DURATION',
        summary: 'how long to wait for the final receipt; default 30s, 0 for not at all',
      },
      { name: 'out-file', value: 'FILE', summary: 'write the receipt to a new file, mode 0600, as well' },
    ],
    examples: [
      { line: 'countersign revoke policy deploy-orders --reason INC-42 --disable', note: 'and no new ones' },
      {
        line: 'countersign revoke jti jti_01jz8m2q4c6e8g0j2m4p6r8t0v --reason leaked --out-file receipt.json',
        note: 'one token',
      },
      { line: 'countersign revoke issued-before now --reason INC-42 --yes', note: 'everything that is out' },
    ],
    scope: 'revocations:write',
    effect: 'writes',
    exits: {
      1: 'there is no such thing; nothing was revoked',
      3: 'as ever; or revoked, and the receipt was not final within the --wait that was given',
    },
    load: () => import('../commands/revoke.ts'),
  },
  {
    path: ['receipts', 'list'],
    group: 'audit',
    summary: 'receipts of revocations, newest first',
    examples: [{ line: 'countersign receipts list --filter state=pending', note: 'those that are not final yet' }],
    scope: 'receipts:read',
    effect: 'reads',
    load: () => import('../commands/receipt-list.ts'),
  },
  {
    path: ['receipts', 'get'],
    group: 'audit',
    summary: 'one receipt: who confirmed, who may still accept, and the proof',
    arguments: [{ name: 'RECEIPT_ID', summary: 'its id' }],
    options: [{ name: 'out-file', value: 'FILE', summary: 'write it to a new file, mode 0600, for `audit verify`' }],
    examples: [
      {
        line: 'countersign receipts get rcpt_01jz8m2q4c6e8g0j2m4p6r8t0v --out-file receipt.json',
        note: 'then `audit verify receipt.json`',
      },
    ],
    scope: 'receipts:read',
    effect: 'reads',
    exits: { 1: 'there is none' },
    load: () => import('../commands/receipt-get.ts'),
  },
]
