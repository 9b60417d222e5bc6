/**
 * The keys that sign: sealed at rest, rotated with publish-ahead, every state change a revision and an audit event.
 * `states.ts` decides what is due (pure), `rotation.ts` does it in one transaction, `ring.ts` holds what is current here,
 * `seal/` is what they are sealed under. No private key leaves this folder; callers get a `Signer`.
 */

export type { RingName } from './changes.ts'
export { type ResetSealInput, resetSeal, type SealReset } from './reset-seal.ts'
export type { EndTokens, KeyRevocation, RevokeKeyCommand } from './revoke-key.ts'
export { createKeyRing, type KeyRingDeps, type ManagedKeyRing, type NotePublicKey } from './ring.ts'
export type { KeyRotation, RotateKeyCommand } from './rotate-key.ts'
export * from './seal/index.ts'
export type { KeyPurpose, KeyState, RotationSchedule, SigningKey } from './states.ts'
export type * from './types.ts'
export { countUses, type KeyUses, type KeyUsesInput, type UseCounts } from './uses.ts'
