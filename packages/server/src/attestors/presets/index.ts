/**
 * What is known of each platform, as data: one file per platform, listed here by hand, so that a new trust path is one line of a
 * diff. Add a platform: its preset file, a line in PRESETS, and its issuer in `shared-issuers.ts` when many organisations share it.
 */
import type { Preset } from '../types.ts'
import { githubActions } from './github-actions.ts'
import { kubernetes } from './kubernetes.ts'
import { oidc } from './oidc.ts'

export { githubActions } from './github-actions.ts'
export { kubernetes } from './kubernetes.ts'
export { oidc } from './oidc.ts'
export { findSharedIssuer, SHARED_ISSUERS, type SharedIssuer } from './shared-issuers.ts'

/** Every preset, in the order in which help and documentation list them. */
export const PRESETS: readonly Preset[] = [githubActions, kubernetes, oidc]

/** The preset of this name, if there is one. */
export function findPreset(name: string): Preset | undefined {
  return PRESETS.find((preset) => preset.name === name)
}
