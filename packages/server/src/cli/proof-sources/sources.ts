import { githubSource, kubernetesSource, type ProofSource } from '@countersign/sdk/credentials'
import { readTokenFile } from '../token-file.ts'
import type { CliContext } from '../types.ts'

/** The names of `--source`. */
export const SOURCE_NAMES = ['file', 'github', 'kubernetes'] as const

/** A name of `--source`. */
export type SourceName = (typeof SOURCE_NAMES)[number]

/** What the command line says of the proof. */
export interface SourceChoice {
  readonly only: SourceName | undefined
  readonly proofFile: string | undefined
  readonly context: CliContext
}

/** The sources, and what came of asking them the last time. */
export interface SourceList {
  readonly sources: readonly ProofSource[]
  /** Which source the proof came from, and from where exactly. */
  found(): { readonly source: string; readonly from: string } | undefined
  /** For each source that was not taken: its name and why. */
  skipped(): readonly (readonly [name: string, reason: string])[]
}

/** The sources in the order in which they are asked: who names a file means it, so it is first. */
export function createSourceList({ only, proofFile, context }: SourceChoice): SourceList {
  const variable = context.env['COUNTERSIGN_PROOF_FILE']
  const all: Readonly<Record<SourceName, ProofSource>> = {
    file: fileOfLine(proofFile, context),
    github: githubSource({ env: context.env }),
    kubernetes: kubernetesSource({
      directory: context.cwd,
      ...(variable ? { path: variable, namedBy: 'COUNTERSIGN_PROOF_FILE' } : {}),
    }),
  }
  let found: { source: string; from: string } | undefined
  let skipped: (readonly [string, string])[] = []

  const recorded = (name: SourceName): ProofSource => ({
    name,
    async find(request) {
      // Each exchange asks anew, from the first.
      if (name === SOURCE_NAMES[0]) skipped = []
      const outcome =
        only === undefined || only === name ? await all[name].find(request) : { skipped: `not asked, --source ${only}` }
      if ('skipped' in outcome) skipped.push([name, outcome.skipped])
      else found = { source: name, from: outcome.from }
      return outcome
    },
  })

  return { sources: SOURCE_NAMES.map(recorded), found: () => found, skipped: () => skipped }
}

/** The file that `--proof-file` names, or stdin. */
function fileOfLine(proofFile: string | undefined, context: CliContext): ProofSource {
  return {
    name: 'file',
    async find() {
      if (proofFile === undefined) return { skipped: '--proof-file not given' }
      const rawProof = await readTokenFile(proofFile, 'the proof', context)
      return { rawProof, from: proofFile === '-' ? 'stdin' : proofFile }
    },
  }
}
