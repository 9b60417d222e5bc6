import { cliFault } from '../faults.ts'
import { file } from './file.ts'
import { github } from './github.ts'
import { kubernetes } from './kubernetes.ts'
import type { ProofRequest, ProofSource } from './types.ts'

/** The names of `--source`. */
export type SourceName = 'github' | 'kubernetes' | 'file'

const SOURCES: readonly (readonly [SourceName, ProofSource])[] = [
  ['file', file],
  ['github', github],
  ['kubernetes', kubernetes],
]

/** A proof, where it came from, and why the other sources were not taken. */
export interface Proof {
  readonly rawProof: string
  readonly source: SourceName
  readonly from: string
  readonly skipped: readonly string[]
}

/**
 * The proof of where this runs: of the named source, or of the first that applies.
 * @throws CliFault no_proof, naming for each source why it was skipped; proof_source_failed
 */
export async function findProof(request: ProofRequest, only: SourceName | undefined): Promise<Proof> {
  const skipped: string[] = []
  for (const [name, source] of SOURCES) {
    if (only !== undefined && only !== name) {
      skipped.push(`${name}: not asked, --source ${only}`)
      continue
    }
    const outcome = await source(request)
    if ('rawProof' in outcome) return { rawProof: outcome.rawProof, from: outcome.from, source: name, skipped }
    skipped.push(`${name}: ${outcome.skipped}`)
  }
  throw cliFault('no_proof', 'every source was skipped', {
    problems: skipped.map((line) => {
      const colon = line.indexOf(': ')
      return { pointer: line.slice(0, colon), code: 'skipped', detail: line.slice(colon + 2) }
    }),
  })
}
