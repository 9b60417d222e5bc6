import { typeClaims } from '../attestors/index.ts'
import type { EventLog, RecordedEvent } from '../audit/index.ts'
import { ERRORS, type ErrorCode, ServiceError } from '../errors.ts'
import type { Service } from '../inventory/index.ts'
import type { JsonObject, JsonValue } from '../lib/index.ts'
import { buildSnapshot, type DenialCode, explainPolicies, likelyFixes, type PolicySnapshot } from '../policy/index.ts'
import type { Resource } from '../resources/index.ts'
import type { Tables } from '../schema/index.ts'
import type { Database } from '../storage/index.ts'
import { hashClaims } from './ledger.ts'
import type { EarlyRefusals } from './refusals.ts'
import { stepOfDenial, stepOfRefusal, stepsUpTo } from './steps.ts'
import { selectClaims } from './store.ts'
import type { Explanation } from './types.ts'

/** What explaining needs. */
export interface ExplainDeps {
  readonly database: Database<Tables>
  readonly eventLog: Pick<EventLog, 'get'>
  readonly refusals: Pick<EarlyRefusals, 'find'>
  /** Every document as it was at a revision. */
  readonly resources: { loadAllAt(revision: number): Promise<readonly Resource[]> }
  readonly builtinServices: readonly Service[]
}

/** A decision with everything that it was made on, as far as retention has kept it. */
export interface RecordedDecision {
  readonly event: RecordedEvent
  readonly snapshot: PolicySnapshot
  /** The verified claims; undefined when retention has removed them. */
  readonly tokenClaims: JsonObject | undefined
}

/**
 * Reads a decision back: the event, the policies at the revision it was made on, and its claims.
 * @returns undefined when there is no such decision.
 * @throws ServiceError audit_invalid when the stored claims are not those whose hash the event holds.
 */
export async function findDecision(deps: ExplainDeps, id: string): Promise<RecordedDecision | undefined> {
  const event = await deps.eventLog.get(id)
  if (event?.kind !== 'exchange.decided') return undefined
  const revision = Number(event.data['revision'])
  const resources = await deps.resources.loadAllAt(revision)
  const snapshot = buildSnapshot({ resources, builtinServices: deps.builtinServices, revision })
  const row = await selectClaims(deps.database.read, id)
  if (!row) return { event, snapshot, tokenClaims: undefined }
  if (hashClaims(row.salt, row.claims) !== event.data['claims_hash']) {
    throw new ServiceError('audit_invalid', { detail: 'the stored claims of this event have been changed' })
  }
  return { event, snapshot, tokenClaims: JSON.parse(Buffer.from(row.claims).toString('utf8')) as JsonObject }
}

/**
 * Why an exchange came out as it did, by the id that its caller got: `evt_` for decisions, re-evaluated against the recorded revision;
 * `ref_` for early refusals, while they are kept. Undefined when there is no such id, or no longer.
 */
export function createExplain(deps: ExplainDeps): (id: string) => Promise<Explanation | undefined> {
  return async (id) => {
    if (id.startsWith('ref_')) return explainRefusal(deps, id)
    const decision = await findDecision(deps, id)
    return decision && explainDecision(decision)
  }
}

async function explainRefusal({ refusals }: ExplainDeps, id: string): Promise<Explanation | undefined> {
  const refusal = await refusals.find(id)
  if (!refusal) return undefined
  const step = stepOfRefusal(refusal.stage)
  const error = ERRORS[refusal.code]
  return {
    id,
    at: refusal.at,
    outcome: 'denied',
    code: refusal.code,
    headline: error.title,
    callerSaw: { status: error.status, error: error.oauth ?? 'invalid_request' },
    workloadId: undefined,
    provider: refusal.providerId === undefined ? undefined : { id: refusal.providerId, name: refusal.providerId },
    service: undefined,
    steps: stepsUpTo(step, { [step]: refusal.detail }),
    policies: [],
    fixes: [error.fix],
    claims: undefined,
    tookMicroseconds: undefined,
    notes: ['refused before the proof had verified and passed `require`; only the newest such refusals are kept'],
  }
}

function explainDecision({ event, snapshot, tokenClaims }: RecordedDecision): Explanation {
  const { data } = event
  const allowed = event.outcome === 'allowed'
  const code = allowed ? 'allowed' : text(data['code']) || 'internal_error'
  const provider = snapshot.providers.find((candidate) => candidate.id === data['provider'])
  const service = [...snapshot.services.byName.values()].find((candidate) => candidate.id === data['service'])
  const typed = provider && tokenClaims ? typeClaims(provider.preset, tokenClaims) : undefined
  const explained =
    provider && typed
      ? explainPolicies({
          claims: typed.claims,
          mistypedClaims: typed.mistyped,
          provider,
          request: { service },
          policies: snapshot.policiesById.values(),
        })
      : []
  const requested = (data['requested'] ?? {}) as JsonObject
  const nearestPolicy = snapshot.policiesById.get(text(data['nearest_policy']))
  const fixes =
    allowed || !provider || !typed
      ? []
      : likelyFixes({
          code: code as DenialCode,
          claims: typed.claims,
          provider,
          request: { service, scopes: stringsOf(requested['scopes']) },
          explained,
          nearestPolicy,
        })
  const error = allowed ? undefined : ERRORS[code as ErrorCode]
  return {
    id: event.id,
    at: event.at,
    outcome: allowed ? 'allowed' : 'denied',
    code,
    headline: headline(event),
    callerSaw: allowed
      ? { status: 200, error: '' }
      : { status: error?.status ?? 400, error: error?.oauth ?? 'invalid_request' },
    workloadId: event.workloadId,
    provider: provider && { id: provider.id, name: provider.name },
    service: service && { id: service.id, name: service.name },
    steps: stepsUpTo(
      allowed ? undefined : stepOfDenial(code, data['nearest_policy'] !== undefined),
      stepDetails(event, provider?.name, explained),
    ),
    policies: explained,
    fixes: allowed || fixes.length > 0 ? fixes : [error?.fix ?? ''].filter((fix) => fix !== ''),
    claims: tokenClaims,
    tookMicroseconds: typeof data['took_us'] === 'number' ? data['took_us'] : undefined,
    notes: [
      ...(tokenClaims ? [] : ['the claims are no longer kept (retention.claims), so the conditions cannot be shown']),
      ...(provider ? [] : ['the trust provider is not in the recorded revision any more']),
      ...(stringsOf(data['shadow']) ?? []).map((policy) => `shadow policy ${policy} would have allowed it`),
    ],
  }
}

const OUTCOME_WORDS: Readonly<Record<string, string>> = {
  absent: 'is missing',
  wrong_type: 'has the wrong type',
  different: 'does not match',
}

function headline({ outcome, data }: RecordedEvent): string {
  if (outcome === 'allowed') return `token issued for ${(stringsOf(data['scopes']) ?? []).join(' ') || 'no scope'}`
  const failing = data['first_failing'] as JsonObject | undefined
  const words = OUTCOME_WORDS[text(failing?.['outcome'])]
  if (failing && words) return `${text(failing['claim'])} ${words}`
  return ERRORS[text(data['code']) as ErrorCode]?.title ?? 'denied'
}

function stepDetails(
  { data, at }: RecordedEvent,
  providerName: string | undefined,
  explained: readonly { readonly failing: number }[],
): Parameters<typeof stepsUpTo>[1] {
  const matched = explained.filter((policy) => policy.failing === 0).length
  const ageSeconds = Math.round((at.getTime() - Date.parse(text(data['proof_issued_at']))) / 1000)
  return {
    provider: providerName ?? text(data['provider']),
    signature: data['proof_kid'] === undefined ? '' : `kid ${text(data['proof_kid']).slice(0, 8)}`,
    fresh: `age ${ageSeconds} s`,
    sender: text(data['detail']) || boundBy(data['cnf']),
    policy: explained.length > 0 ? `${matched} of ${explained.length} shown match` : '',
    issue: data['kid'] === undefined ? '' : `kid ${text(data['kid']).slice(0, 8)}`,
  }
}

function boundBy(cnf: JsonValue | undefined): string {
  if (typeof cnf !== 'object' || cnf === null) return ''
  return `bound by ${'jkt' in cnf ? 'DPoP key' : 'certificate'} ${text(Object.values(cnf)[0]).slice(0, 8)}`
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function stringsOf(value: JsonValue | undefined): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : undefined
}
