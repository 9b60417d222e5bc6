import { lintTrustProvider } from '../attestors/index.ts'
import type { Service } from '../inventory/index.ts'
import { type Problem, parseOwner, type Resource } from '../resources/index.ts'
import { type DocumentProblem, type Draft, SET_LABEL } from './draft.ts'
import { MANAGEMENT_SERVICE_NAME } from './management-service.ts'
import { createPolicyProblems, type PolicySurroundings } from './policy-problems.ts'
import { findReferenceProblems, referencesOf } from './references.ts'
import { labelOfResource } from './state.ts'

/** What the resulting state is checked against. */
export interface ValidationContext {
  readonly before: PolicySurroundings
  readonly after: PolicySurroundings
  readonly management: Service
  readonly issuer: string
}

/**
 * Everything that is wrong with the state that the changes lead to, found on the changed documents and on the policies that refer
 * to them. What nobody touches does not stand in the way, even if a newer version would refuse it.
 */
export function validateState(drafts: readonly Draft[], context: ValidationContext): readonly DocumentProblem[] {
  const { before, after: state } = context
  const problems: DocumentProblem[] = []
  const report = (resource: Resource, found: readonly Problem[]) => {
    const document = labelOfResource(resource)
    problems.push(...found.map((problem) => ({ ...problem, document })))
  }
  const touched = new Set<string>()
  for (const { after, verb } of drafts) {
    // Disabling and deleting must work on everything, also on what a newer version would refuse.
    if (!after || verb === 'disabled') continue
    touched.add(labelOfResource(after))
    report(after, commonProblems(after, state))
    if (after.document.kind === 'TrustProvider') report(after, lintTrustProvider(after.document))
    if (after.document.kind === 'Service') report(after, serviceProblems(after))
  }
  if (touched.size === 0) return [...problems, ...findReferenceProblems(drafts, state)]
  const problemsBefore = createPolicyProblems(before)
  const problemsAfter = createPolicyProblems(state)
  for (const resource of state.resources.values()) {
    if (resource.document.kind !== 'TrustPolicy') continue
    const label = labelOfResource(resource)
    if (touched.has(label)) {
      report(resource, problemsAfter(resource))
    } else if (referencesOf(resource).some((reference) => touched.has(reference))) {
      // Its provider, service or owner changes: what that breaks refuses the change, what was wrong before does not.
      const known = new Set(problemsBefore(resource).map(({ code, pointer }) => `${code} ${pointer}`))
      const broken = problemsAfter(resource).filter(({ severity }) => severity === 'error')
      report(
        resource,
        broken.filter(({ code, pointer }) => !known.has(`${code} ${pointer}`)),
      )
    }
  }
  problems.push(...findReferenceProblems(drafts, state), ...audienceProblems(context, touched))
  return problems
}

function commonProblems({ document }: Resource, { now, resources }: PolicySurroundings): readonly Problem[] {
  const problems: Problem[] = []
  const { owner, reviewBy, labels } = document.metadata
  const reference = owner === undefined ? undefined : parseOwner(owner)
  if (reference && !resources.has(`${reference.kind}/${reference.name}`)) {
    problems.push({
      severity: 'warning',
      code: 'unknown_owner',
      pointer: '/metadata/owner',
      detail: `there is no ${reference.kind} ${reference.name}`,
      fix: `apply a ${reference.kind} of this name`,
    })
  }
  if (reviewBy !== undefined && reviewBy < now.toISOString().slice(0, 10)) {
    problems.push({
      severity: 'warning',
      code: 'review_overdue',
      pointer: '/metadata/reviewBy',
      detail: 'the review date has passed',
      fix: 'review it, then set a new date',
    })
  }
  for (const label of Object.keys(labels ?? {})) {
    if (!label.startsWith('countersign.dev/') || label === SET_LABEL) continue
    problems.push({
      severity: 'error',
      code: 'reserved_label',
      pointer: '/metadata/labels',
      detail: 'labels that begin with countersign.dev/ are reserved',
      fix: 'use a prefix of your own',
    })
  }
  return problems
}

function serviceProblems(resource: Resource): readonly Problem[] {
  if (resource.document.metadata.name !== MANAGEMENT_SERVICE_NAME) return []
  return [
    {
      severity: 'error',
      code: 'reserved_name',
      pointer: '/metadata/name',
      detail: 'this is the name of the management API',
      fix: 'use another name',
    },
  ]
}

/** Trailing slashes aside: two audiences that people take for the same are the same here. */
function normal(audience: string): string {
  return audience.replace(/\/+$/, '')
}

/**
 * Audiences of services are unique and never equal to the issuer, the audience of a provider's proofs, or the management API's
 * (design section 7): else a token or proof made for one would be accepted by another (S-06, S-16).
 */
function audienceProblems(context: ValidationContext, touched: ReadonlySet<string>): readonly DocumentProblem[] {
  const { management, issuer } = context
  const { resources, references } = context.after
  const owners = new Map<string, { readonly what: string; readonly label: string | undefined }>()
  owners.set(normal(issuer), { what: 'the issuer of this installation', label: undefined })
  owners.set(normal(management.audience), { what: 'the audience of the management API', label: undefined })
  const problems: DocumentProblem[] = []
  const refuse = (document: string, what: string) => {
    problems.push({
      severity: 'error',
      code: 'audience_taken',
      pointer: '/spec/audience',
      detail: `the audience is ${what}`,
      fix: 'give each service an audience of its own',
      document,
    })
  }
  const proofAudiences = new Map<string, string>()
  for (const provider of references.providersByName.values()) {
    const label = `TrustProvider/${provider.name}`
    // S-09: what keeps our own tokens from being proofs must not be their `typ` alone.
    if (normal(provider.issuer) === normal(issuer) && touched.has(label)) {
      problems.push({
        severity: 'error',
        code: 'issuer_own',
        pointer: '/spec/issuer',
        detail: 'it is the issuer of this installation: its tokens are no proofs and cannot renew themselves',
        fix: 'register the issuer of the platform that the workload runs on',
        document: label,
      })
    }
    if (normal(provider.audience) === normal(management.audience) && touched.has(label)) {
      refuse(label, 'the audience of the management API')
    }
    proofAudiences.set(normal(provider.audience), label)
  }
  for (const resource of resources.values()) {
    if (resource.document.kind !== 'Service') continue
    const label = labelOfResource(resource)
    const audience = normal(String(resource.document.spec.audience))
    const taken = owners.get(audience)
    if (taken && (touched.has(label) || (taken.label !== undefined && touched.has(taken.label)))) {
      refuse(label, taken.what)
    }
    const provider = proofAudiences.get(audience)
    if (provider !== undefined && (touched.has(label) || touched.has(provider))) {
      refuse(touched.has(label) ? label : provider, `shared by ${touched.has(label) ? provider : label}`)
    }
    if (!taken) owners.set(audience, { what: `that of ${label}`, label })
  }
  return problems
}
