import type { Transaction } from 'kysely'
import type { EventLog } from '../audit/index.ts'
import { type Now, newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import { generateKey } from './key-material.ts'
import type { SealKey } from './seal/index.ts'
import type { KeyPurpose, SigningKey } from './states.ts'
import { insertKey, moveKey } from './store.ts'
import type { SigningAlgorithm } from './types.ts'

/** A purpose and algorithm for which keys are kept. */
export interface RingName {
  readonly purpose: KeyPurpose
  readonly alg: SigningAlgorithm
}

/** What changes of keys need. */
export interface KeyChangesDeps {
  readonly eventLog: EventLog
  readonly sealKey: SealKey
  readonly now: Now
}

/** The authenticated context of a sealed private key: a row's ciphertext opens for that row and purpose only. */
export function sealContext(kid: string, purpose: KeyPurpose): string {
  return `countersign/signing-key/${purpose}/${kid}`
}

/** Changes of state of single keys, inside a transaction that holds the revision lock; each leaves its audit event. */
export interface KeyChanges {
  /** Makes a key that is published, and with `activate` signs at once. Returns its kid. */
  generate(
    tx: Transaction<Tables>,
    ring: RingName,
    options: { readonly activate: boolean; readonly activateAt?: Date },
  ): Promise<string>
  /** Lets a published key sign from now on, and retires the one that signed. */
  activate(tx: Transaction<Tables>, kid: string, retire: string | undefined): Promise<void>
  /** Sets the instant from which a published key may sign whatever the schedule says. */
  schedule(tx: Transaction<Tables>, kid: string, at: Date): Promise<void>
  /** Takes a retired key out of the key set. */
  remove(tx: Transaction<Tables>, kid: string): Promise<void>
  /** Erases the private half of a removed key. */
  destroy(tx: Transaction<Tables>, kid: string): Promise<void>
  /** Takes a key out of the key set in whatever state it is, and erases its private half. */
  revoke(tx: Transaction<Tables>, key: SigningKey, reason: string): Promise<void>
  /**
   * Stops a key whose private half is lost: one that signs is retired, so that its tokens verify until they expire; one that has not
   * signed yet is destroyed.
   */
  abandon(tx: Transaction<Tables>, key: SigningKey): Promise<void>
}

/** Changes of keys by somebody: `system` for the schedule, the actor's id for a command. */
export function createKeyChanges({ eventLog, sealKey, now }: KeyChangesDeps, actor: string): KeyChanges {
  const record = async (tx: Transaction<Tables>, kind: string, kid: string, data: Record<string, string> = {}) => {
    const at = now()
    const event = { id: newId('evt', at), at, kind: `signing_key.${kind}`, outcome: 'done', actor } as const
    await eventLog.append(tx, { ...event, data: { kid, ...data } })
  }

  return {
    async generate(tx, ring, { activate, activateAt }) {
      const key = generateKey(ring.alg)
      const at = now().getTime()
      await insertKey(tx, {
        kid: key.kid,
        purpose: ring.purpose,
        alg: key.alg,
        state: activate ? 'active' : 'published',
        public_jwk: JSON.stringify(key.publicJwk),
        sealed_private: sealKey.seal(key.privateDer, sealContext(key.kid, ring.purpose)),
        created_at: at,
        published_at: at,
        active_at: activate ? at : null,
        retired_at: null,
        removed_at: null,
        destroyed_at: null,
        revoked_at: null,
        activate_at: activateAt?.getTime() ?? null,
      })
      const { purpose, alg } = ring
      const planned = activateAt === undefined ? {} : { activate_at: activateAt.toISOString() }
      await record(tx, 'published', key.kid, { purpose, alg, ...planned })
      if (activate) await record(tx, 'activated', key.kid, { purpose, alg })
      return key.kid
    },
    async activate(tx, kid, retire) {
      const at = now().getTime()
      if (retire !== undefined) {
        await moveKey(tx, retire, 'active', { state: 'retired', retired_at: at })
        await record(tx, 'retired', retire)
      }
      await moveKey(tx, kid, 'published', { state: 'active', active_at: at })
      await record(tx, 'activated', kid)
    },
    async schedule(tx, kid, at) {
      await moveKey(tx, kid, 'published', { state: 'published', activate_at: at.getTime() })
      await record(tx, 'scheduled', kid, { activate_at: at.toISOString() })
    },
    async remove(tx, kid) {
      await moveKey(tx, kid, 'retired', { state: 'removed', removed_at: now().getTime() })
      await record(tx, 'removed', kid)
    },
    async destroy(tx, kid) {
      await moveKey(tx, kid, 'removed', { state: 'destroyed', destroyed_at: now().getTime(), sealed_private: null })
      await record(tx, 'destroyed', kid)
    },
    async revoke(tx, key, reason) {
      const at = now().getTime()
      await moveKey(tx, key.kid, key.state, {
        state: 'destroyed',
        sealed_private: null,
        removed_at: key.removedAt?.getTime() ?? at,
        destroyed_at: key.destroyedAt?.getTime() ?? at,
        revoked_at: at,
      })
      await record(tx, 'revoked', key.kid, { purpose: key.purpose, alg: key.alg, was: key.state, reason })
    },
    async abandon(tx, key) {
      const at = now().getTime()
      if (key.state === 'active') {
        await moveKey(tx, key.kid, 'active', { state: 'retired', retired_at: at, sealed_private: null })
        await record(tx, 'retired', key.kid, { private_half: 'destroyed' })
      } else if (key.state === 'retired') {
        await moveKey(tx, key.kid, 'retired', { state: 'retired', sealed_private: null })
      } else if (key.state !== 'destroyed') {
        const ended = { removed_at: key.removedAt?.getTime() ?? at, destroyed_at: at }
        await moveKey(tx, key.kid, key.state, { state: 'destroyed', sealed_private: null, ...ended })
        await record(tx, 'destroyed', key.kid)
      }
    },
  }
}
