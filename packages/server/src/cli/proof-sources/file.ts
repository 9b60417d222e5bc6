import { readTokenFile } from '../token-file.ts'
import type { ProofSource } from './types.ts'

/** The file that `--proof-file` names; who names one means it, so it is asked first. */
export const file: ProofSource = async ({ proofFile, context }) => {
  if (proofFile === undefined) return { skipped: '--proof-file not given' }
  const rawProof = await readTokenFile(proofFile, 'the proof', context)
  return { rawProof, from: proofFile === '-' ? 'stdin' : proofFile }
}
