import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { cliFault } from '../faults.ts'
import { readTokenFile } from '../token-file.ts'
import type { ProofSource } from './types.ts'

/** Where our manifests mount the projected service account token. */
const DEFAULT_PATH = '/var/run/secrets/countersign/token'

/**
 * A projected service account token. Never the default one of the API server (`/var/run/secrets/kubernetes.io/...`): its
 * audience is the cluster's own API, and who holds it can act there.
 */
export const kubernetes: ProofSource = async ({ context }) => {
  const named = context.env['COUNTERSIGN_PROOF_FILE']
  const path = named || DEFAULT_PATH
  const code = await access(resolve(context.cwd, path)).then(
    () => undefined,
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown'),
  )
  if (code === undefined) {
    return { rawProof: await readTokenFile(path, 'the proof', context), from: path }
  }
  if (named)
    throw cliFault('input_unreadable', `COUNTERSIGN_PROOF_FILE: ${path} cannot be read (${code})`, {
      fix: 'mount the projected token there, or unset the variable',
    })
  return {
    skipped:
      code === 'ENOENT'
        ? `no file ${path}: mount a projected serviceAccountToken there, or name it in COUNTERSIGN_PROOF_FILE`
        : `${path} cannot be read (${code})`,
  }
}
