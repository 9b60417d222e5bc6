import type { CommandSpec } from '../types.ts'

/** Commands around the exchange: get a credential, and see why or why not. */
export const EXCHANGE_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['exchange'],
    group: 'federate',
    summary: "exchange the platform's proof for a short-lived access token",
    description: [
      'Finds the proof itself: GitHub Actions (ACTIONS_ID_TOKEN_REQUEST_URL), a Kubernetes projected token ' +
        '(COUNTERSIGN_PROOF_FILE, default /var/run/secrets/countersign/token), or --proof-file. When none is there, it says why each was skipped.',
      'The token is not printed. With `-- CMD` the command gets COUNTERSIGN_TOKEN_FILE, the path of a 0600 file that is removed ' +
        'when it ends; its exit code becomes that of countersign (128 and more: a signal ended it). While the command runs, the token is ' +
        'renewed at 80% of its life and the file replaced in one step, so a long command reads it anew for each call; a proof from ' +
        'stdin cannot be renewed. With --env NAME the first token is also in that variable, which nothing can renew.',
      '--out-file writes it to a new 0600 file. --show-token prints it to a pipe, never to a terminal.',
    ],
    options: [
      { name: 'audience', value: 'URI', summary: 'the audience of the service, as its registration says' },
      { name: 'resource', value: 'URI', summary: 'the same as an RFC 8707 resource' },
      { name: 'scope', value: 'SCOPE', repeat: true, summary: 'ask for this scope; without, what the policy grants' },
      { name: 'ttl', value: 'DURATION', summary: 'ask for a shorter life than the policy grants, such as 5m' },
      {
        name: 'source',
        value: 'SOURCE',
        choices: ['auto', 'github', 'kubernetes', 'file'],
        summary: 'where the proof comes from',
      },
      { name: 'proof-file', value: 'FILE', summary: 'file with the proof; - reads stdin' },
      {
        name: 'proof-audience',
        value: 'URI',
        summary: 'audience to request the proof for; default the address of --server',
      },
      { name: 'out-file', value: 'FILE', summary: 'write the token to a new file, mode 0600' },
      { name: 'env', value: 'NAME', summary: 'give the token to CMD in this environment variable too' },
      { name: 'show-token', summary: 'print the token, if the output is no terminal' },
    ],
    examples: [
      {
        line: 'countersign exchange --server https://sts.acme.example --audience https://orders.acme.internal -- ./deploy.sh',
        note: 'in a CI job: deploy.sh reads the file that COUNTERSIGN_TOKEN_FILE names',
      },
      {
        line: 'countersign exchange --audience https://orders.acme.internal --scope orders:read --out-file token',
        note: 'ask for less than the policy grants',
      },
      { line: 'countersign exchange --audience https://orders.acme.internal', note: 'only see whether it would work' },
    ],
    effect: 'writes',
    trailing: true,
    exits: {
      1: 'denied',
      4: 'no proof of where this runs was found',
      5: '--out-file exists',
    },
    load: () => import('../commands/exchange.ts'),
  },
  {
    path: ['inspect'],
    group: 'federate',
    summary: 'what is wrong with a token, and which policies it would match',
    description: [
      'Reads the token from a file or stdin, never from the command line. Decodes it here, then asks the server to verify it ' +
        'without using it up. The signature and the token itself are never printed.',
    ],
    arguments: [{ name: 'FILE', summary: 'file with the token; - or nothing reads stdin', optional: true }],
    options: [{ name: 'offline', summary: 'decode only; the signature stays unverified' }],
    examples: [
      { line: 'countersign inspect /var/run/secrets/countersign/token', note: 'a Kubernetes projected token' },
      { line: 'countersign inspect --offline < proof.jwt', note: 'send it nowhere' },
    ],
    scope: 'proofs:inspect',
    effect: 'reads',
    exits: { 1: 'something is wrong with the token', 3: 'it was decoded, but the server could not be asked' },
    load: () => import('../commands/inspect.ts'),
  },
  {
    path: ['explain'],
    group: 'federate',
    summary: 'why an exchange was allowed or denied, claim by claim, and how to fix it',
    arguments: [{ name: 'EVENT_ID', summary: 'evt_... of a decision, ref_... of an early refusal' }],
    examples: [
      { line: 'countersign explain evt_01jz8m2q4c6e8g0j2m4p6r8t0v', note: 'the id that the caller was given' },
    ],
    scope: 'events:explain',
    effect: 'reads',
    exits: { 1: 'there is no such event' },
    load: () => import('../commands/explain.ts'),
  },
]
