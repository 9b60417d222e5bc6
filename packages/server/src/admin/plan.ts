import { createHash } from 'node:crypto'
import type { Service } from '../inventory/index.ts'
import { canonicalJson, type JsonValue } from '../lib/index.ts'
import { differences, type Resource } from '../resources/index.ts'
import { addsIssuer, type BothSides, effectOf, isRewrittenAsleep } from './change-effect.ts'
import type { Draft, Drafts } from './draft.ts'
import { isWidening } from './effect.ts'
import { findEscalations, managementGrants } from './escalation.ts'
import { referencesOf } from './references.ts'
import { compileReferences, labelOfResource, type State } from './state.ts'
import type { Actor, Plan, PlannedChange } from './types.ts'
import { validateState } from './validate.ts'

/** What a plan is made against. */
export interface PlanContext {
  readonly state: State
  readonly management: Service
  readonly issuer: string
  readonly actor: Actor
  readonly now: Date
}

/** One change of a plan, ready to be written. */
export interface Step {
  readonly draft: Draft
  readonly change: PlannedChange
}

/** A plan for people, and the steps that carry it out (none for what stays as it is). */
export interface MadePlan {
  readonly plan: Plan
  readonly steps: readonly Step[]
}

/**
 * Plans intended changes against a state. Pure: what each changes and moves, everything that is wrong with the state they lead to,
 * and the hash that names exactly this plan (the documents, the revisions that they replace, and those that they refer to).
 */
export function makePlan({ drafts, problems: parseProblems }: Drafts, context: PlanContext): MadePlan {
  const { state, management, actor, now } = context
  const resources = resultingState(state, drafts)
  const sides: BothSides = {
    before: compileReferences(state.resources.values(), management),
    after: compileReferences(resources.values(), management),
    usedProviders: new Set(
      [...resources.values()]
        .filter(({ document }) => document.kind === 'TrustPolicy')
        .map(({ document }) => String(document.spec.provider)),
    ),
  }
  const steps: Step[] = []
  const unchanged: PlannedChange[] = []
  const found = validateState(drafts, {
    ...context,
    before: { resources: state.resources, references: sides.before, now },
    after: { resources, references: sides.after, now },
  })
  for (const draft of drafts) {
    const change = plannedChange(draft, sides)
    const mine = found.filter((problem) => problem.document === labelOfDraft(draft))
    const withProblems = { ...change, problems: mine.map(({ document: _, ...problem }) => problem) }
    if (change.action === 'none') unchanged.push(withProblems)
    else steps.push({ draft, change: withProblems })
  }
  const escalations = findEscalations({
    actor,
    before: managementGrants(state.resources.values()),
    after: managementGrants(resources.values()),
    changes: steps.map(({ draft, change }) => ({
      ...change,
      addsIssuer: addsIssuer(draft, sides),
      rewrittenAsleep: change.effect === 'narrows' && isRewrittenAsleep(draft, sides),
    })),
  })
  const changes = [...steps.map(({ change }) => change), ...unchanged]
  return {
    steps,
    plan: {
      changes,
      problems: [
        ...parseProblems,
        ...found,
        ...escalations.map(({ kind, name, rule, detail }) => ({
          severity: 'error' as const,
          code: `escalation_${rule}`,
          pointer: '',
          detail,
          fix: 'let somebody do it who holds every scope it touches, or use the local socket',
          document: `${kind}/${name}`,
        })),
      ],
      widens: changes.some(({ effect }) => isWidening(effect)),
      hash: hashOf(steps, state),
      baseRevision: state.revision,
    },
  }
}

function labelOfDraft({ before, after }: Draft): string {
  const resource = after ?? before
  return resource ? labelOfResource(resource) : ''
}

function resultingState(state: State, drafts: readonly Draft[]): ReadonlyMap<string, Resource> {
  const resources = new Map(state.resources)
  for (const { before, after } of drafts) {
    if (before) resources.delete(labelOfResource(before))
    if (after) resources.set(labelOfResource(after), after)
  }
  return resources
}

/** The members of a resource that a plan compares: the document and whether it is enabled. */
function comparable(resource: Resource | undefined): JsonValue | undefined {
  if (!resource) return undefined
  const { metadata, spec, tests } = resource.document
  const body = { metadata, spec, enabled: resource.enabled, ...(tests && tests.length > 0 ? { tests } : {}) }
  return body as unknown as JsonValue
}

function plannedChange(draft: Draft, sides: BothSides): PlannedChange {
  const { before, after } = draft
  const resource = after ?? before
  if (!resource) throw new TypeError('a draft has at least one side')
  const members = before && after ? differences(comparable(before), comparable(after)) : wholeSides(before, after)
  const action = !before ? 'create' : !after ? 'delete' : members.length > 0 ? 'update' : 'none'
  return {
    action,
    kind: resource.document.kind,
    name: resource.document.metadata.name,
    id: draft.verb === 'created' ? undefined : resource.id,
    differences: members,
    ...(action === 'none' ? { effect: 'none', reasons: [] } : effectOf(draft, sides)),
    problems: [],
  }
}

/** For what comes or goes entirely, its members one by one, not one opaque object. */
function wholeSides(before: Resource | undefined, after: Resource | undefined): PlannedChange['differences'] {
  return differences(comparable(before) ?? {}, comparable(after) ?? {}).filter(({ pointer }) => pointer !== '/enabled')
}

function hashOf(steps: readonly Step[], state: State): string {
  const named = steps.map(({ draft, change }) => {
    const context = draft.after ? referencesOf(draft.after) : []
    return {
      action: change.action,
      label: labelOfDraft(draft),
      id: change.id ?? null,
      effect: change.effect,
      before: draft.before?.revision ?? 0,
      after: comparable(draft.after) ?? null,
      context: context.map((label) => [label, state.resources.get(label)?.revision ?? 0]),
    }
  })
  // 128 bits: it is compared with what the same server computes, and typed by people.
  return createHash('sha256')
    .update(canonicalJson(named as unknown as JsonValue))
    .digest('hex')
    .slice(0, 32)
}
