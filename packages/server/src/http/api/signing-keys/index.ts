/**
 * Signing keys: what they are, what they were used for, and the two acts on them. Public facts only; no operation returns a private
 * half (G-08). The acts are commands of the key ring; `wire.ts` maps its keys to JSON.
 */
import type { Operation } from '../operation.ts'
import { getSigningKey } from './get.ts'
import { listSigningKeys } from './list.ts'
import { revokeSigningKey } from './revoke.ts'
import { rotateSigningKey } from './rotate.ts'
import { getSeal } from './seal.ts'
import { countSigningKeyUses, countUsesOfSigningKey } from './uses.ts'

/** The operations on signing keys; fixed words before the paths that any kid fits. */
export const signingKeyOperations: readonly Operation[] = [
  listSigningKeys,
  countSigningKeyUses,
  rotateSigningKey,
  getSigningKey,
  countUsesOfSigningKey,
  revokeSigningKey,
  getSeal,
]
