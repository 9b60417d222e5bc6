import type { SigningKeysTable } from '../schema/index.ts'
import type { SigningAlgorithm } from './types.ts'

/** Life of a signing key; it never goes back. */
export type KeyState = 'generated' | 'published' | 'active' | 'retired' | 'removed' | 'destroyed'

/** What a key is for: our tokens, checkpoints of the audit log, receipts of revocations. One key, one purpose (G-05). */
export type KeyPurpose = 'access_token' | 'checkpoint' | 'receipt'

/** A signing key as its row tells it, without the private half. */
export interface SigningKey {
  readonly kid: string
  readonly purpose: KeyPurpose
  readonly alg: SigningAlgorithm
  readonly state: KeyState
  readonly createdAt: Date
  readonly publishedAt: Date | undefined
  readonly activeAt: Date | undefined
  readonly retiredAt: Date | undefined
  readonly removedAt: Date | undefined
  readonly destroyedAt: Date | undefined
  /** Set for a key that was revoked, which is then destroyed as well. */
  readonly revokedAt: Date | undefined
  /** When a published key is to sign by command, whatever the schedule says. */
  readonly activateAt: Date | undefined
}

/** Times that rotation keeps, in milliseconds. */
export interface RotationSchedule {
  /** A key is published at least this long before it signs: not less than any verifier caches the key set. */
  readonly publishAheadMs: number
  /** How long a key signs. */
  readonly activeMs: number
  /** How long a retired key stays published: the longest token life and leeway. */
  readonly retainMs: number
}

/** One step that is due. */
export type RotationStep =
  | {
      readonly act: 'generate'
      readonly purpose: KeyPurpose
      readonly alg: SigningAlgorithm
      readonly activate: boolean
    }
  | { readonly act: 'activate'; readonly kid: string; readonly retire: string | undefined }
  | { readonly act: 'remove'; readonly kid: string }
  | { readonly act: 'destroy'; readonly kid: string }

/**
 * What is due for one purpose and algorithm at this time. Pure.
 * A first key is active at once, because no verifier can have cached a set without it; every later key is published ahead (G-02).
 */
export function dueSteps(
  keys: readonly SigningKey[],
  ring: { purpose: KeyPurpose; alg: SigningAlgorithm },
  schedule: RotationSchedule,
  now: Date,
): readonly RotationStep[] {
  const mine = keys.filter((key) => key.purpose === ring.purpose && key.alg === ring.alg)
  const active = mine.find((key) => key.state === 'active')
  const next = mine.find((key) => key.state === 'published')
  const steps: RotationStep[] = []
  if (!active && !next) steps.push({ act: 'generate', ...ring, activate: true })
  if (active && !next && ageMs(active.activeAt, now) >= schedule.activeMs - schedule.publishAheadMs) {
    steps.push({ act: 'generate', ...ring, activate: false })
  }
  if (next && ageMs(next.publishedAt, now) >= schedule.publishAheadMs) {
    const byCommand = ageMs(next.activateAt, now) >= 0
    if (!active || byCommand || ageMs(active.activeAt, now) >= schedule.activeMs) {
      steps.push({ act: 'activate', kid: next.kid, retire: active?.kid })
    }
  }
  for (const key of mine) {
    if (key.state === 'retired' && ageMs(key.retiredAt, now) >= schedule.retainMs)
      steps.push({ act: 'remove', kid: key.kid })
    if (key.state === 'removed') steps.push({ act: 'destroy', kid: key.kid })
  }
  return steps
}

function ageMs(since: Date | undefined, now: Date): number {
  return since === undefined ? Number.NEGATIVE_INFINITY : now.getTime() - since.getTime()
}

/** The key that a row holds. */
export function toSigningKey(row: SigningKeysTable): SigningKey {
  const date = (value: number | null) => (value === null ? undefined : new Date(value))
  return {
    kid: row.kid,
    purpose: row.purpose as KeyPurpose,
    alg: row.alg as SigningAlgorithm,
    state: row.state as KeyState,
    createdAt: new Date(row.created_at),
    publishedAt: date(row.published_at),
    activeAt: date(row.active_at),
    retiredAt: date(row.retired_at),
    removedAt: date(row.removed_at),
    destroyedAt: date(row.destroyed_at),
    revokedAt: date(row.revoked_at),
    activateAt: date(row.activate_at),
  }
}
