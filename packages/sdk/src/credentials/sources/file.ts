import process from 'node:process'
import { readNamedProofFile } from './read-proof-file.ts'
import type { Environment, ProofSource, SourceKind } from './types.ts'

const VARIABLE = 'COUNTERSIGN_PROOF_FILE'

/** Where the file source looks. */
export interface FileSourceOptions {
  /** The file; when not given, the variable names it. */
  readonly path?: string
  /** The process's own when not given. */
  readonly env?: Environment
}

/**
 * A proof of any OIDC issuer in a file that something renews: the path given, or the one that COUNTERSIGN_PROOF_FILE names.
 * Who names a file means it, so a file that is not there is an error, not a reason to look elsewhere.
 *
 * @example
 * createCredentialClient({ server, audience, sources: [fileSource({ path: '/run/identity/token' })] })
 */
export function fileSource({ path, env = process.env }: FileSourceOptions = {}): ProofSource {
  return {
    name: 'file',
    async find() {
      const named = path ?? env[VARIABLE]
      if (named === undefined || named === '') return { skipped: `${VARIABLE} not set` }
      const namedBy = path === undefined ? VARIABLE : undefined
      return { rawProof: await readNamedProofFile({ path: named, namedBy }), from: named }
    },
  }
}

/** The file source as data. */
export const FILE: SourceKind = {
  name: 'file',
  presets: ['oidc'],
  variables: [{ name: VARIABLE, meaning: 'path of a file that holds the proof, renewed by whoever issues it' }],
  defaultPaths: [],
  create: () => fileSource(),
}
