/**
 * The seal: one data-encryption key per installation, under which private keys lie, itself wrapped by a key that is not in the
 * database. `provider.ts` is the interface of who keeps that key (`file.ts`, `transit.ts`; one file more for another), `open.ts`
 * opens it at start, `rotate.ts` wraps it anew, `reset.ts` is what remains when the key is lost. Nothing here exports a key.
 */
export { createSealKey, type SealKey } from './data-key.ts'
export { createFileSeal, type FileSealInput } from './file.ts'
export { type OpenedSeal, type OpenSealInput, openSeal } from './open.ts'
export type { SealProvider, SealProviderName, Wrapping } from './provider.ts'
export { finishSealRotation, type RotateSealDeps, rotateSeal, type SealRotation } from './rotate.ts'
export { readSealStatus, type SealStatus } from './status.ts'
export { createTransitSeal, type TransitSealDeps, type TransitSealInput } from './transit.ts'
