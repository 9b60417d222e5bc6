import { readNamedProofFile, readProofFile } from './read-proof-file.ts'
import type { ProofSource, SourceKind } from './types.ts'

/** Where the manifests of the documentation mount the projected service account token. */
const DEFAULT_PATH = '/var/run/secrets/countersign/token'

/** Where the Kubernetes source looks. */
export interface KubernetesSourceOptions {
  /** The file; `/var/run/secrets/countersign/token` when not given. A path that is named must be there. */
  readonly path?: string
  /** Where a relative path begins; the working directory when not given. */
  readonly directory?: string
  /** Who named the path, for messages: the name of a variable or an option. */
  readonly namedBy?: string
}

/**
 * A projected service account token. Never the pod's default one (`/var/run/secrets/kubernetes.io/...`): its audience is the
 * cluster's own API, and whoever holds it can act there. Mounted elsewhere, `path` or COUNTERSIGN_PROOF_FILE names it.
 *
 * @example
 * createCredentialClient({ server, audience, sources: [kubernetesSource({ path: '/run/proof/token' })] })
 */
export function kubernetesSource({ path, directory, namedBy }: KubernetesSourceOptions = {}): ProofSource {
  return {
    name: 'kubernetes',
    async find() {
      if (path !== undefined) return { rawProof: await readNamedProofFile({ path, directory, namedBy }), from: path }
      const rawProof = await readProofFile({ path: DEFAULT_PATH })
      if (rawProof !== undefined) return { rawProof, from: DEFAULT_PATH }
      return {
        skipped: `no file ${DEFAULT_PATH}: mount a projected serviceAccountToken there, or name it in COUNTERSIGN_PROOF_FILE`,
      }
    },
  }
}

/** The Kubernetes source as data. */
export const KUBERNETES: SourceKind = {
  name: 'kubernetes',
  presets: ['kubernetes'],
  variables: [],
  defaultPaths: [DEFAULT_PATH],
  create: () => kubernetesSource(),
}
