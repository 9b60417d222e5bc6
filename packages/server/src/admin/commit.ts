import type { Transaction } from 'kysely'
import type { AuditEvent, EventLog } from '../audit/index.ts'
import { type JsonObject, type Now, newId } from '../lib/index.ts'
import type { KindName, Resource, ResourceStore } from '../resources/index.ts'
import { insertRevocations, REVOCATION_KEPT_MS, type RevocationKind } from '../revocation/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { actorName } from './actor.ts'
import { isNarrowing } from './effect.ts'
import { KINDS, nounOf } from './kinds.ts'
import type { MadePlan, Step } from './plan.ts'
import type { Actor } from './types.ts'

/** How many differing members an event names; the rest is counted. */
const MAX_POINTERS = 40

/** What revoking by policy, provider or service is called in the revocation table. */
const REVOKED_AS: Readonly<Partial<Record<KindName, RevocationKind>>> = {
  TrustPolicy: 'policy',
  TrustProvider: 'provider',
  Service: 'service',
}

/** What else is to happen in the transaction of a change, after the change itself. */
export type Within = (tx: Transaction<Tables>) => Promise<void>

/** What writing a plan needs. */
export interface CommitDependencies {
  readonly database: Database<Tables>
  readonly resources: ResourceStore
  readonly eventLog: Pick<EventLog, 'append'>
  readonly now: Now
}

/** Thrown inside the transaction when somebody else has written since the state was read; the plan is made again. */
export class StateMoved extends Error {}

/** What a commit has written: the resources by label of their step, and the last revision taken. */
export interface Committed {
  readonly written: readonly (Resource | undefined)[]
  readonly revision: number
}

/**
 * Writes all steps of a plan or none, in one transaction: each takes the next revision (design section 4), is audited, and
 * revokes what was issued under a wider state (design section 5).
 * @throws StateMoved when the stored state is not the one that the plan was made on
 */
export async function commitPlan(
  { plan, steps }: MadePlan,
  actor: Actor,
  { database, resources, eventLog, now }: CommitDependencies,
  within?: Within,
): Promise<Committed> {
  return database.transaction(async (tx) => {
    const written: (Resource | undefined)[] = []
    let revision = plan.baseRevision
    for (const [index, step] of steps.entries()) {
      const id = idOf(step, now())
      const kind = kindOf(step)
      const noun = `${nounOf(kind)}.${step.draft.verb}`
      // Revocation ends what was issued under the wider state. `disable` is reversible and stops new exchanges only.
      const revokedAs = REVOKED_AS[kind]
      const revokes = isNarrowing(step.change.effect) && step.draft.verb !== 'disabled' && revokedAs !== undefined
      revision = await database.revisions.append(tx, {
        kind: noun,
        target: id,
        detail: { name: step.change.name, effect: step.change.effect, revokes },
      })
      // The first append holds the revision lock: nobody can write between this look and the commit.
      if (index === 0 && (await resources.newestRevision(tx)) !== plan.baseRevision) throw new StateMoved()
      if (step.draft.after) {
        const { document, enabled } = step.draft.after
        written.push(await resources.put(tx, { id, document, enabled, revision }))
      } else {
        await resources.remove(tx, id, revision)
        written.push(undefined)
      }
      if (revokes && revokedAs) {
        const at = now()
        // What was decided before this change; a decision on the new state carries this revision or a later one.
        const upToRevision = revision - 1
        const expiresAt = new Date(at.getTime() + REVOCATION_KEPT_MS)
        await insertRevocations(tx, revision, at, [
          { kind: revokedAs, value: id, upToRevision, reason: noun, actor: actorName(actor), expiresAt },
        ])
      }
      await eventLog.append(tx, eventOf(step, { id, noun, revision, revokes, actor, hash: plan.hash, at: now() }))
    }
    await within?.(tx)
    return { written, revision }
  })
}

function kindOf({ draft: { before, after } }: Step): KindName {
  const resource = after ?? before
  if (!resource) throw new TypeError('a draft has at least one side')
  return resource.document.kind
}

function idOf(step: Step, now: Date): string {
  if (step.change.id !== undefined) return step.change.id
  const kind = kindOf(step)
  const prefix = KINDS.find((candidate) => candidate.kind === kind)?.idPrefix
  if (!prefix) throw new TypeError(`no kind ${kind} is registered`)
  return newId(prefix, now)
}

function eventOf(
  { change }: Step,
  facts: { id: string; noun: string; revision: number; revokes: boolean; actor: Actor; hash: string; at: Date },
): AuditEvent {
  const pointers = change.differences.map(({ pointer }) => pointer.slice(0, 160))
  const data: JsonObject = {
    id: facts.id,
    name: change.name,
    revision: facts.revision,
    effect: change.effect,
    plan: facts.hash,
    pointers: pointers.slice(0, MAX_POINTERS),
    ...(pointers.length > MAX_POINTERS ? { more_pointers: pointers.length - MAX_POINTERS } : {}),
    ...(facts.revokes ? { revoked_up_to_revision: facts.revision - 1 } : {}),
  }
  return {
    id: newId('evt', facts.at),
    at: facts.at,
    kind: facts.noun,
    outcome: 'done',
    actor: actorName(facts.actor),
    ...(facts.actor.kind === 'workload' ? { workloadId: facts.actor.id } : {}),
    data,
  }
}
