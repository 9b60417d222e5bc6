import type { Transaction } from 'kysely'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { createKeyChanges, type KeyChanges, type KeyChangesDeps, type RingName } from './changes.ts'
import { dueSteps, type RotationSchedule, type RotationStep, toSigningKey } from './states.ts'
import { selectKeys } from './store.ts'

/** What a rotation needs. */
export interface RotationDeps extends KeyChangesDeps {
  readonly database: Database<Tables>
  readonly scheduleFor: (ring: RingName) => RotationSchedule
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
  const changes = createKeyChanges(deps, 'system')
  const plan = async (tx: Transaction<Tables>) => {
    const keys = (await selectKeys(tx)).map(toSigningKey)
    return rings.flatMap((ring) => dueSteps(keys, ring, scheduleFor(ring), now()))
  }
  return transaction(async (tx) => {
    if ((await plan(tx)).length === 0) return 0
    await deps.database.revisions.append(tx, { kind: 'signing_key', target: 'ring', detail: {} })
    // Read again under the revision lock: a concurrent rotation has committed before we got here.
    const steps = await plan(tx)
    for (const step of steps) await carryOut(changes, tx, step)
    return steps.length
  })
}

async function carryOut(changes: KeyChanges, tx: Transaction<Tables>, step: RotationStep): Promise<void> {
  if (step.act === 'generate') await changes.generate(tx, step, { activate: step.activate })
  else if (step.act === 'activate') await changes.activate(tx, step.kid, step.retire)
  else if (step.act === 'remove') await changes.remove(tx, step.kid)
  else await changes.destroy(tx, step.kid)
}
