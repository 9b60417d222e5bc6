import type { Transaction } from 'kysely'
import type { EventLog } from '../audit/index.ts'
import { type Now, newId } from '../lib/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { generateKey } from './key-material.ts'
import type { SealKey } from './seal/index.ts'
import { dueSteps, type KeyPurpose, type RotationSchedule, type RotationStep, toSigningKey } from './states.ts'
import { insertKey, moveKey, selectKeys } from './store.ts'
import type { SigningAlgorithm } from './types.ts'

/** A purpose and algorithm for which keys are kept. */
export interface RingName {
  readonly purpose: KeyPurpose
  readonly alg: SigningAlgorithm
}

/** What a rotation needs. */
export interface RotationDeps {
  readonly database: Database<Tables>
  readonly eventLog: EventLog
  readonly sealKey: SealKey
  readonly scheduleFor: (ring: RingName) => RotationSchedule
  readonly now: Now
}

/** The authenticated context of a sealed private key: a row's ciphertext opens for that row and purpose only. */
export function sealContext(kid: string, purpose: KeyPurpose): string {
  return `countersign/signing-key/${purpose}/${kid}`
}

/**
 * Carries out what is due for the rings in one transaction: each step takes a revision and leaves an audit event.
 * The revision lock makes it safe on every replica at once: what another one has done by then is not due any more.
 * @returns the number of steps done.
 */
export async function rotateDue(
  deps: RotationDeps,
  rings: readonly RingName[],
  transaction: Database<Tables>['transaction'],
): Promise<number> {
  const { scheduleFor, now } = deps
  const plan = async (tx: Transaction<Tables>) => {
    const keys = (await selectKeys(tx)).map(toSigningKey)
    return rings.flatMap((ring) => dueSteps(keys, ring, scheduleFor(ring), now()))
  }
  return transaction(async (tx) => {
    if ((await plan(tx)).length === 0) return 0
    await deps.database.revisions.append(tx, { kind: 'signing_key', target: 'ring', detail: {} })
    // Read again under the revision lock: a concurrent rotation has committed before we got here.
    const steps = await plan(tx)
    for (const step of steps) await carryOut(deps, tx, step)
    return steps.length
  })
}

async function carryOut(
  { eventLog, sealKey, now }: RotationDeps,
  tx: Transaction<Tables>,
  step: RotationStep,
): Promise<void> {
  const at = now()
  const record = (kind: string, kid: string, data: Record<string, string> = {}) =>
    eventLog.append(tx, {
      id: newId('evt', at),
      at,
      kind: `signing_key.${kind}`,
      outcome: 'done',
      actor: 'system',
      data: { kid, ...data },
    })
  if (step.act === 'generate') {
    const key = generateKey(step.alg)
    await insertKey(tx, {
      kid: key.kid,
      purpose: step.purpose,
      alg: key.alg,
      state: step.activate ? 'active' : 'published',
      public_jwk: JSON.stringify(key.publicJwk),
      sealed_private: sealKey.seal(key.privateDer, sealContext(key.kid, step.purpose)),
      created_at: at.getTime(),
      published_at: at.getTime(),
      active_at: step.activate ? at.getTime() : null,
      retired_at: null,
      removed_at: null,
      destroyed_at: null,
      revoked_at: null,
      activate_at: null,
    })
    await record('published', key.kid, { purpose: step.purpose, alg: step.alg })
    if (step.activate) await record('activated', key.kid, { purpose: step.purpose, alg: step.alg })
    return
  }
  if (step.act === 'activate') {
    if (step.retire !== undefined) {
      await moveKey(tx, step.retire, 'active', { state: 'retired', retired_at: at.getTime() })
      await record('retired', step.retire)
    }
    await moveKey(tx, step.kid, 'published', { state: 'active', active_at: at.getTime() })
    await record('activated', step.kid)
    return
  }
  if (step.act === 'remove') {
    await moveKey(tx, step.kid, 'retired', { state: 'removed', removed_at: at.getTime() })
    await record('removed', step.kid)
    return
  }
  await moveKey(tx, step.kid, 'removed', { state: 'destroyed', destroyed_at: at.getTime(), sealed_private: null })
  await record('destroyed', step.kid)
}
