import type { EventLog } from '../audit/index.ts'
import { ServiceError } from '../errors.ts'
import type { Service } from '../inventory/index.ts'
import { type JsonValue, type Now, newId } from '../lib/index.ts'
import {
  mergePatch,
  pageOf,
  type Resource,
  type ResourceDocument,
  type ResourceKind,
  type ResourceStore,
  toPlainJson,
} from '../resources/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { actorName } from './actor.ts'
import { commitPlan, StateMoved, type Within } from './commit.ts'
import { type Draft, type Drafts, draftOf, draftSet, parseForSave } from './draft.ts'
import { findKindByPlural, KINDS } from './kinds.ts'
import { type MadePlan, makePlan } from './plan.ts'
import { refusePlan } from './refuse.ts'
import { createStateSource, labelOf, labelOfResource, type State } from './state.ts'
import type { Actor, Administration, ApplyInput } from './types.ts'

/** How often a plan is made again because another replica wrote in between. */
const ATTEMPTS = 10

/** What administration is made over. */
export interface AdministrationDependencies {
  readonly database: Database<Tables>
  readonly resources: ResourceStore
  readonly eventLog: Pick<EventLog, 'append'>
  /** The built-in service; see `managementService`. */
  readonly management: Service
  readonly issuer: string
  readonly now: Now
}

type Changed = MadePlan & { readonly revision: number; readonly written: readonly (Resource | undefined)[] }

interface Change {
  readonly actor: Actor
  readonly allowWidening?: string | undefined
  /** Whether a widening needs the hash of its plan. `enable` and `restore` say themselves what they do. */
  readonly gate: boolean
  readonly dryRun?: boolean
  readonly within?: Within | undefined
  draft(state: State): Promise<Drafts> | Drafts
}

/** Creates administration: every change of every resource goes through here. */
export function createAdministration(deps: AdministrationDependencies): Administration {
  const { database, resources, eventLog, management, issuer, now } = deps
  const states = createStateSource({ resources })

  let turn: Promise<unknown> = Promise.resolve()

  /** Changes of one process take turns: only other replicas can make a plan void. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work, work)
    turn = mine
    return mine
  }

  /** Plans on the newest state, refuses what is to be refused, and commits; again when somebody else was faster. */
  async function changeNow(input: Change): Promise<Changed> {
    for (let attempt = 1; ; attempt += 1) {
      const state = await states.load()
      const made = makePlan(await input.draft(state), { state, management, issuer, actor: input.actor, now: now() })
      try {
        refusePlan(made.plan, made.steps, { ...input, allowWidening: input.allowWidening })
      } catch (error) {
        if (error instanceof ServiceError && error.code === 'escalation_refused') await recordRefusal(input.actor, made)
        throw error
      }
      if (input.dryRun === true || made.steps.length === 0) return { ...made, revision: state.revision, written: [] }
      try {
        const committed = await commitPlan(made, input.actor, { database, resources, eventLog, now }, input.within)
        return { ...made, ...committed }
      } catch (error) {
        if (!(error instanceof StateMoved)) throw error
        if (attempt === ATTEMPTS) throw new ServiceError('conflict', { detail: 'others are writing at the same time' })
      }
    }
  }

  const change = (input: Change) => inTurn(() => changeNow(input))

  /** Who tried to raise privileges is worth knowing: the attempt is an event of its own. */
  async function recordRefusal(actor: Actor, { plan }: MadePlan): Promise<void> {
    const at = now()
    const refused = plan.problems.filter((problem) => problem.code.startsWith('escalation_'))
    await database.transaction((tx) =>
      eventLog.append(tx, {
        id: newId('evt', at),
        at,
        kind: 'administration.refused',
        outcome: 'denied',
        actor: actorName(actor),
        ...(actor.kind === 'workload' ? { workloadId: actor.id } : {}),
        data: {
          code: 'escalation_refused',
          documents: [...new Set(refused.map(({ document }) => document))].slice(0, 40),
          rules: [...new Set(refused.map(({ code }) => code))],
        },
      }),
    )
  }

  /** Changes one resource; what comes back is its new state, or the old one when nothing differed. */
  async function changeOne(
    input: Omit<Change, 'draft'> & { draft(state: State): Promise<Draft> | Draft },
  ): Promise<Resource> {
    let unchanged: Resource | undefined
    const { written } = await change({
      ...input,
      draft: async (state) => {
        const draft = await input.draft(state)
        unchanged = draft.before
        return { drafts: [draft], problems: [] }
      },
    })
    const resource = written[0] ?? unchanged
    if (!resource) throw new ServiceError('not_found')
    return resource
  }

  return {
    async plan(input) {
      const state = await states.load()
      const drafts = draftSet({ documents: input.documents, set: input.prune?.set }, state, now())
      return makePlan(drafts, { state, management, issuer, actor: input.actor, now: now() }).plan
    },

    async apply(input: ApplyInput) {
      const { plan, revision } = await change({
        actor: input.actor,
        allowWidening: input.allowWidening,
        gate: true,
        dryRun: input.dryRun === true,
        draft: (state) => draftSet({ documents: input.documents, set: input.prune?.set }, state, now()),
      })
      return { plan, revision, applied: input.dryRun !== true }
    },

    create: ({ actor, document, allowWidening }) =>
      changeOne({
        actor,
        allowWidening,
        gate: true,
        draft: (state) => {
          const parsed = parseOne(document)
          const label = labelOf(parsed.kind, parsed.metadata.name)
          if (state.resources.has(label)) throw new ServiceError('conflict', { detail: `${label} exists already` })
          return draftOf(undefined, parsed, now())
        },
      }),

    replace: ({ actor, plural, id, document, ifMatch, allowWidening }) =>
      changeOne({
        actor,
        allowWidening,
        gate: true,
        draft: (state) => {
          const before = findStored(state, plural, id, ifMatch)
          return draftOf(before, parseSame(document, before), now())
        },
      }),

    patch: ({ actor, plural, id, patch, ifMatch, allowWidening }) =>
      changeOne({
        actor,
        allowWidening,
        gate: true,
        draft: (state) => {
          const before = findStored(state, plural, id, ifMatch)
          const plain = toPlainJson(patch)
          if ('problems' in plain) throw new ServiceError('validation_failed', { problems: plain.problems })
          if (typeof plain.value !== 'object' || plain.value === null || Array.isArray(plain.value)) {
            throw new ServiceError('validation_failed', { detail: 'a merge patch is a JSON object (RFC 7396)' })
          }
          // T35: what the patch does not name stays exactly as it is.
          const patched = mergePatch(before.document as unknown as JsonValue, plain.value)
          return draftOf(before, parseSame(patched, before), now())
        },
      }),

    async remove({ actor, plural, id, ifMatch }) {
      await change({
        actor,
        gate: true,
        draft: (state) => ({
          drafts: [{ before: findStored(state, plural, id, ifMatch), after: undefined, verb: 'deleted' }],
          problems: [],
        }),
      })
    },

    restore: ({ actor, plural, id }) =>
      changeOne({
        actor,
        gate: false,
        draft: async (state) => {
          const removed = await resources.findRemoved(id)
          if (removed?.document.kind !== kindOf(plural).kind) throw new ServiceError('not_found')
          const label = labelOfResource(removed)
          if (state.resources.has(label)) throw new ServiceError('conflict', { detail: `${label} exists again` })
          return { before: undefined, after: removed, verb: 'restored' }
        },
      }),

    setEnabled: ({ actor, plural, id, enabled, ifMatch, within }) =>
      changeOne({
        actor,
        gate: false,
        within,
        draft: (state) => {
          const before = findStored(state, plural, id, ifMatch)
          return { before, after: { ...before, enabled }, verb: enabled ? 'enabled' : 'disabled' }
        },
      }),

    get: async (plural, idOrName) => resources.get(kindOf(plural).kind, idOrName),

    async list({ plural, ...page }) {
      const { kind } = kindOf(plural)
      const { resources: all } = await states.load()
      return pageOf(
        [...all.values()].filter(({ document }) => document.kind === kind),
        page,
      )
    },

    async export() {
      const { resources: all } = await states.load()
      return KINDS.flatMap(({ kind }) =>
        [...all.values()].map(({ document }) => document).filter((document) => document.kind === kind),
      )
    },

    async lint(documents) {
      const state = await states.load()
      // Linting is not changing: whose rights the author has is not asked.
      const actor: Actor = { id: 'lint', kind: 'local-socket', scopes: new Set() }
      const drafts = draftSet({ documents, set: undefined }, state, now())
      return makePlan(drafts, { state, management, issuer, actor, now: now() }).plan.problems
    },
  }
}

/** @throws ServiceError not_found for a noun that is none */
function kindOf(plural: string): ResourceKind {
  const kind = findKindByPlural(plural)
  if (!kind) throw new ServiceError('not_found')
  return kind
}

/** @throws ServiceError not_found, precondition_failed when the caller has read another revision (W-10) */
function findStored(state: State, plural: string, idOrName: string, ifMatch: number | undefined): Resource {
  const { kind } = kindOf(plural)
  // A name never holds `_`, an id always does: neither can stand in for the other.
  const resource =
    state.resources.get(labelOf(kind, idOrName)) ??
    [...state.resources.values()].find(({ id, document }) => id === idOrName && document.kind === kind)
  if (!resource) throw new ServiceError('not_found')
  if (ifMatch !== undefined && ifMatch !== resource.revision) throw new ServiceError('precondition_failed')
  return resource
}

/** @throws ServiceError validation_failed with every fault of the shape */
function parseOne(input: unknown): ResourceDocument {
  const outcome = parseForSave(input, 'document')
  if (!outcome.ok) throw new ServiceError('validation_failed', { problems: outcome.problems })
  return outcome.document
}

/** Kind and name are what others refer to: they never change. @throws ServiceError validation_failed */
function parseSame(input: unknown, before: Resource): ResourceDocument {
  const document = parseOne(input)
  const { kind, metadata } = before.document
  if (document.kind === kind && document.metadata.name === metadata.name) return document
  throw new ServiceError('validation_failed', {
    problems: [
      {
        pointer: document.kind === kind ? '/metadata/name' : '/kind',
        code: 'identity_changed',
        detail: 'kind and name of a resource never change',
        fix: 'create a new resource and delete this one',
      },
    ],
  })
}
