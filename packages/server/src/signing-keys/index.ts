/**
 * The keys that sign: sealed at rest, rotated with publish-ahead, every state change a revision and an audit event.
 * `states.ts` decides what is due (pure), `rotation.ts` does it in one transaction, `ring.ts` holds what is current here,
 * `seal.ts` is the key-encryption key. No private key leaves this folder; callers get a `Signer`.
 */
export { type OpenSealKeyInput, openSealKey } from './open.ts'
export { createKeyRing, type KeyRingDeps, type ManagedKeyRing, type NotePublicKey } from './ring.ts'
export type { RingName } from './rotation.ts'
export { createSealKey, type SealKey, type SealKeyFile } from './seal.ts'
export type { KeyPurpose, KeyState, RotationSchedule, SigningKey } from './states.ts'
export type * from './types.ts'
