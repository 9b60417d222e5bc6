import type { CommandSpec } from '../types.ts'

/** Commands about the CLI itself and about who calls. */
export const ABOUT_COMMANDS: readonly CommandSpec[] = [
  {
    path: ['whoami'],
    group: 'about',
    summary: 'the server, the way to it, and who the server says you are',
    examples: [{ line: 'countersign whoami -o json', note: 'also where each setting comes from' }],
    effect: 'reads',
    load: () => import('../commands/whoami.ts'),
  },
  {
    path: ['errors'],
    group: 'about',
    summary: 'what an error code means and what to do; offline',
    arguments: [{ name: 'CODE', summary: 'the code; all when left out', optional: true }],
    examples: [{ line: 'countersign errors no_matching_policy', note: 'as `see:` under an error says' }],
    effect: 'reads',
    exits: { 1: 'there is no such code' },
    load: () => import('../commands/errors.ts'),
  },
  {
    path: ['completion'],
    group: 'about',
    summary: 'completion script for a shell',
    arguments: [{ name: 'SHELL', summary: 'the shell', choices: ['bash', 'zsh', 'fish'] }],
    examples: [
      { line: 'source <(countersign completion bash)', note: 'bash' },
      { line: 'countersign completion fish > ~/.config/fish/completions/countersign.fish', note: 'fish' },
    ],
    effect: 'reads',
    outputs: ['table'],
    load: () => import('../commands/completion.ts'),
  },
  {
    path: ['version'],
    group: 'about',
    summary: 'the versions of countersign and Node',
    examples: [{ line: 'countersign version -o json', note: 'for bug reports' }],
    effect: 'reads',
    load: () => import('../commands/version.ts'),
  },
]
