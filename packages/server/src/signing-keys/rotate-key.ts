import { ServiceError } from '../errors.ts'
import { createKeyChanges, type RingName } from './changes.ts'
import type { RotationDeps } from './rotation.ts'
import { type KeyPurpose, type SigningKey, toSigningKey } from './states.ts'
import { selectKeys } from './store.ts'
import type { SigningAlgorithm } from './types.ts'

/** A rotation that somebody asks for. Without `kid` it is for the ring of `purpose` and `alg`. */
export interface RotateKeyCommand {
  readonly kid?: string
  /** Default access_token. */
  readonly purpose?: KeyPurpose
  /** May be left out where only one algorithm signs for the purpose. */
  readonly alg?: SigningAlgorithm
  /** Lets the new key sign at once: verifiers that keep a key set without asking again refuse its tokens until they do. */
  readonly now: boolean
  readonly actor: string
}

/** What a rotation by command has done. */
export interface KeyRotation {
  /** The key that signs next, or, rotated at once, that signs. */
  readonly successor: SigningKey
  /** The key that signs until then, or, rotated at once, has stopped. */
  readonly predecessor: SigningKey
  /** When the successor signs. */
  readonly activatesAt: Date
}

/**
 * Publishes a successor and lets it sign after the time that keys are published ahead (G-02), or at once. A successor that is published
 * already is taken, so repeating the command changes nothing.
 * @throws ServiceError not_found, conflict (the key does not sign), validation_failed (it is not clear which ring)
 */
export async function rotateKey(deps: RotationDeps, command: RotateKeyCommand): Promise<KeyRotation> {
  const { database, scheduleFor, now } = deps
  const changes = createKeyChanges(deps, command.actor)
  return database.transaction(async (tx) => {
    await database.revisions.append(tx, { kind: 'signing_key', target: command.kid ?? 'ring', detail: {} })
    const read = async () => (await selectKeys(tx)).map(toSigningKey)
    const before = await read()
    const active = findSigning(before, command)
    const ring: RingName = { purpose: active.purpose, alg: active.alg }
    const isNext = (key: SigningKey) =>
      key.purpose === ring.purpose && key.alg === ring.alg && key.state === 'published'
    const next = before.find(isNext)
    const publishedAt = next?.publishedAt ?? now()
    const activateAt = command.now ? now() : new Date(publishedAt.getTime() + scheduleFor(ring).publishAheadMs)
    const kid = next?.kid ?? (await changes.generate(tx, ring, { activate: false, activateAt }))
    if (next && next.activateAt === undefined && !command.now) await changes.schedule(tx, kid, activateAt)
    if (command.now) await changes.activate(tx, kid, active.kid)
    const after = await read()
    return {
      successor: byKid(after, kid),
      predecessor: byKid(after, active.kid),
      activatesAt: command.now ? now() : (next?.activateAt ?? activateAt),
    }
  })
}

/** The key that signs in the ring that is meant. */
function findSigning(
  keys: readonly SigningKey[],
  { kid, purpose = 'access_token', alg }: RotateKeyCommand,
): SigningKey {
  if (kid !== undefined) {
    const key = keys.find((candidate) => candidate.kid === kid)
    if (!key) throw new ServiceError('not_found', { detail: `there is no signing key ${kid}` })
    if (key.state === 'active') return key
    throw new ServiceError('conflict', { detail: `the key ${kid} is ${key.state}; name the one that is active` })
  }
  const signing = keys.filter((key) => key.state === 'active' && key.purpose === purpose)
  const chosen = alg === undefined ? signing : signing.filter((key) => key.alg === alg)
  const [first] = chosen
  if (!first) {
    throw new ServiceError('conflict', { detail: `no ${alg ?? ''} key signs for ${purpose}`.replace('  ', ' ') })
  }
  if (chosen.length === 1) return first
  const algs = chosen.map((key) => key.alg).join(', ')
  throw new ServiceError('validation_failed', { detail: `keys of several algorithms sign (${algs}); name one of them` })
}

function byKid(keys: readonly SigningKey[], kid: string): SigningKey {
  const key = keys.find((candidate) => candidate.kid === kid)
  if (!key) throw new ServiceError('internal_error', { internal: `the key ${kid} is gone` })
  return key
}
