import type { EventLog } from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import type { JsonObject, Now } from '../lib/index.ts'
import type { SigningKeysTable, Tables } from '../schema/index.ts'
import type { Database, Leader } from '../storage/index.ts'
import { type RingName, sealContext } from './changes.ts'
import { createSigner, rawEd25519 } from './key-material.ts'
import { type EndTokens, type KeyRevocation, type RevokeKeyCommand, revokeKey } from './revoke-key.ts'
import { type KeyRotation, type RotateKeyCommand, rotateKey } from './rotate-key.ts'
import { rotateDue } from './rotation.ts'
import type { SealKey } from './seal/index.ts'
import { type KeyPurpose, type RotationSchedule, type SigningKey, toSigningKey } from './states.ts'
import { selectKeys } from './store.ts'
import type { KeyRing, Signer, SigningAlgorithm } from './types.ts'

const VISIBLE: readonly string[] = ['published', 'active', 'retired']

/** What the key ring needs. */
export interface KeyRingDeps {
  readonly database: Database<Tables>
  readonly eventLog: EventLog
  readonly sealKey: SealKey
  readonly schedule: RotationSchedule
  /** Algorithms for which access-token keys are kept from the start; others are made when first asked for. */
  readonly algorithms: readonly SigningAlgorithm[]
  readonly now: Now
}

/** The public half of an Ed25519 key that signs notes, for those who verify them. */
export interface NotePublicKey {
  readonly kid: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
}

/** A key ring with its life: loading, rotation, and what the audit log signs checkpoints with. */
export interface ManagedKeyRing extends KeyRing {
  /** Makes a ring for an algorithm if there is none, and resolves when its key is active here. */
  ensure(alg: SigningAlgorithm): Promise<void>
  /** Rotates what is due as the leader; call it once a minute. Resolves to the number of steps done. */
  rotate(leader: Leader<Tables>): Promise<number>
  /** Rotates by command; resolves when it is in force here. @throws as {@link rotateKey} */
  rotateKey(command: RotateKeyCommand): Promise<KeyRotation>
  /** Revokes a key, and its tokens in the same transaction; resolves when it is in force here. @throws as {@link revokeKey} */
  revokeKey<R>(command: RevokeKeyCommand, endTokens: EndTokens<R>): Promise<KeyRevocation<R>>
  /** Raw 32-byte public keys of all checkpoint keys ever made, active first, for verifiers of old checkpoints. */
  checkpointPublicKeys(): readonly NotePublicKey[]
  /** The same for the keys that sign receipts. */
  receiptPublicKeys(): readonly NotePublicKey[]
  /** All keys, newest first, without private halves. */
  list(): readonly SigningKey[]
  close(): void
}

interface LoadedKey extends SigningKey {
  readonly publicJwk: JsonObject
  readonly signer: Signer | undefined
}

/**
 * Loads the signing keys, makes those that are missing, and follows every change in revision order.
 * @throws ServiceError seal_key_wrong when the seal key does not open a stored key.
 */
export async function createKeyRing(deps: KeyRingDeps): Promise<ManagedKeyRing> {
  const { database, sealKey, schedule } = deps
  const noteRings: readonly RingName[] = [
    { purpose: 'checkpoint', alg: 'Ed25519' },
    { purpose: 'receipt', alg: 'Ed25519' },
  ]
  const scheduleFor = (ring: RingName): RotationSchedule =>
    // Auditors know the log and its receipts by these keys, so they change only by command.
    ring.purpose === 'access_token' ? schedule : { ...schedule, activeMs: Number.POSITIVE_INFINITY }
  const rotationDeps = { ...deps, scheduleFor }
  let keys: readonly LoadedKey[] = []

  const load = async () => {
    const known = new Map(keys.map((key) => [key.kid, key]))
    keys = (await selectKeys(database.read)).map((row) => openRow(row, known.get(row.kid)))
  }

  function openRow(row: SigningKeysTable, known: LoadedKey | undefined): LoadedKey {
    const key = toSigningKey(row)
    const publicJwk = known?.publicJwk ?? (JSON.parse(row.public_jwk) as JsonObject)
    const maySign = key.state === 'active' || key.state === 'published'
    if (!maySign || row.sealed_private === null) return { ...key, publicJwk, signer: undefined }
    const signer =
      known?.signer ??
      createSigner(key.kid, key.alg, sealKey.open(row.sealed_private, sealContext(key.kid, key.purpose)))
    return { ...key, publicJwk, signer }
  }

  const activeSigner = (purpose: KeyPurpose, alg: SigningAlgorithm): Signer | undefined =>
    keys.find((key) => key.purpose === purpose && key.alg === alg && key.state === 'active')?.signer

  const accessTokenRings = (): RingName[] => {
    const algs = new Set<SigningAlgorithm>(deps.algorithms)
    for (const key of keys) if (key.purpose === 'access_token') algs.add(key.alg)
    return [...algs].map((alg) => ({ purpose: 'access_token', alg }))
  }

  const ensureRings = async (rings: readonly RingName[]) => {
    await load()
    const missing = rings.filter((ring) => activeSigner(ring.purpose, ring.alg) === undefined)
    if (missing.length === 0) return
    await rotateDue(rotationDeps, missing, (work) => database.transaction(work))
    await load()
  }

  const noteSigner = (purpose: KeyPurpose): Signer => {
    const signer = activeSigner(purpose, 'Ed25519')
    if (!signer) throw new ServiceError('store_unavailable', { internal: `no active ${purpose} key` })
    return signer
  }

  const notePublicKeys = (purpose: KeyPurpose): NotePublicKey[] =>
    keys
      .filter((key) => key.purpose === purpose)
      .sort((a, b) => Number(b.state === 'active') - Number(a.state === 'active'))
      .map((key) => ({ kid: key.kid, publicKey: rawEd25519(key.publicJwk) }))

  await ensureRings([...accessTokenRings(), ...noteRings])
  const unsubscribe = database.revisions.subscribe(async (changes) => {
    if (changes.some((change) => change.kind === 'signing_key')) await load()
  })

  return {
    active(alg = 'ES256') {
      const signer = activeSigner('access_token', alg)
      if (!signer) throw new ServiceError('store_unavailable', { internal: `no active ${alg} key` })
      return signer
    },
    checkpointSigner: () => noteSigner('checkpoint'),
    receiptSigner: () => noteSigner('receipt'),
    checkpointPublicKeys: () => notePublicKeys('checkpoint'),
    receiptPublicKeys: () => notePublicKeys('receipt'),
    jwks: () => ({
      keys: keys
        .filter((key) => key.purpose === 'access_token' && VISIBLE.includes(key.state))
        .map((key) => ({ ...key.publicJwk, kid: key.kid, alg: key.alg, use: 'sig' })),
    }),
    ensure: (alg) => ensureRings([{ purpose: 'access_token', alg }]),
    rotate: async (leader) => {
      const done = await rotateDue(rotationDeps, [...accessTokenRings(), ...noteRings], (work) =>
        leader.transaction(work),
      )
      if (done > 0) await load()
      return done
    },
    async rotateKey(command) {
      const rotation = await rotateKey(rotationDeps, command)
      await database.revisions.refresh()
      return rotation
    },
    async revokeKey(command, endTokens) {
      const revocation = await revokeKey(rotationDeps, command, endTokens)
      // Here it is in force before the command is answered, with its tokens' revocation; every other replica follows the log.
      await database.revisions.refresh()
      return revocation
    },
    list: () => keys.map(({ publicJwk: _publicJwk, signer: _signer, ...key }) => key),
    close: unsubscribe,
  }
}
