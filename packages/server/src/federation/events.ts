import type { Attestation } from '../attestors/index.ts'
import type { AuditEvent } from '../audit/index.ts'
import type { ErrorCode } from '../errors.ts'
import type { JsonObject } from '../lib/index.ts'
import type { Decision } from '../policy/index.ts'
import type { Confirmation } from '../tokens/index.ts'
import type { SaltedClaims } from './ledger.ts'
import type { ExchangeRequest } from './request.ts'

const MAX_RECORDED_TEXT = 256
const MAX_RECORDED_KID = 128
/** Bytes of JSON that one list of texts may take, so that every decision fits into an event whatever its caller asked for. */
const MAX_RECORDED_LIST = 1536

/** What both kinds of decision event say. */
export interface DecisionContext {
  readonly eventId: string
  readonly at: Date
  readonly attestation: Attestation
  readonly request: ExchangeRequest
  readonly serviceId: string | undefined
  /** Revision of the snapshot that was decided on. */
  readonly revision: number
  readonly claims: SaltedClaims
  readonly remoteAddress: string | undefined
  readonly tookMicroseconds: number
}

/** The issuance that an allowed decision leads to. */
export interface IssuedToken {
  readonly jti: string
  readonly kid: string
  readonly scopes: readonly string[]
  readonly expiresAt: Date
  /** What the token is bound to. */
  readonly confirmation: Confirmation | undefined
}

/** The one event of an allowed exchange. Ids, revisions and hashes: no claim value, no token. */
export function allowedEvent(
  context: DecisionContext,
  decision: Decision & { allowed: true },
  issued: IssuedToken,
): AuditEvent {
  const { policy, shadow } = decision
  return event(context, 'allowed', {
    policy: policy.id,
    policy_revision: policy.revision,
    ...recorded('scopes', issued.scopes),
    jti: issued.jti,
    kid: issued.kid,
    expires_at: issued.expiresAt.toISOString(),
    ...(issued.confirmation ? { cnf: { ...issued.confirmation } } : {}),
    ...(shadow.length > 0 ? { shadow } : {}),
  })
}

/** The one event of a denied exchange: code, nearest policy and the first condition of it that failed. */
export function deniedEvent(
  context: DecisionContext,
  denial: {
    readonly code: ErrorCode
    /** Fixed text that says more than the code: never what the caller sent. */
    readonly detail?: string | undefined
    readonly nearestPolicyId?: string | undefined
    readonly firstFailing?: { readonly claim: string; readonly outcome: string } | undefined
    readonly shadow?: readonly string[]
  },
): AuditEvent {
  return event(context, 'denied', {
    code: denial.code,
    ...(denial.detail ? { detail: denial.detail } : {}),
    ...(denial.nearestPolicyId ? { nearest_policy: denial.nearestPolicyId } : {}),
    ...(denial.firstFailing ? { first_failing: { ...denial.firstFailing } } : {}),
    ...(denial.shadow && denial.shadow.length > 0 ? { shadow: denial.shadow } : {}),
  })
}

function event(context: DecisionContext, outcome: 'allowed' | 'denied', data: JsonObject): AuditEvent {
  const { attestation, request } = context
  return {
    id: context.eventId,
    at: context.at,
    kind: 'exchange.decided',
    outcome,
    actor: `workload:${attestation.workloadId}`,
    workloadId: attestation.workloadId,
    data: {
      ...data,
      provider: attestation.provider.id,
      provider_revision: attestation.provider.revision,
      revision: context.revision,
      proof: Buffer.from(attestation.proofKey).toString('base64url'),
      proof_issued_at: attestation.issuedAt.toISOString(),
      claims_hash: context.claims.hash,
      requested: {
        ...recorded('targets', request.targets),
        ...(request.scopes ? recorded('scopes', request.scopes) : {}),
        ...(request.ttlSeconds ? { expires_in: request.ttlSeconds } : {}),
        ...(request.senderConstraint ? { sender_constraint: request.senderConstraint } : {}),
      },
      took_us: context.tookMicroseconds,
      ...(attestation.kid === undefined ? {} : { proof_kid: cut(attestation.kid, MAX_RECORDED_KID) }),
      ...(context.serviceId === undefined ? {} : { service: context.serviceId }),
      ...(context.remoteAddress === undefined ? {} : { remote_address: context.remoteAddress }),
    },
  }
}

/**
 * A list of texts as an event holds it: each one cut, and as many as fit; what was left out is counted. An event that did not fit
 * would fail the exchange without leaving any event (S-03), and its caller could choose that.
 */
function recorded(name: string, texts: readonly string[]): JsonObject {
  const kept: string[] = []
  let bytes = 0
  for (const text of texts) {
    const short = cut(text, MAX_RECORDED_TEXT)
    bytes += Buffer.byteLength(JSON.stringify(short)) + 1
    if (bytes > MAX_RECORDED_LIST) break
    kept.push(short)
  }
  return { [name]: kept, ...(kept.length < texts.length ? { [`${name}_omitted`]: texts.length - kept.length } : {}) }
}

/** The first characters of a text; half a pair at the cut has no canonical form, so it does not stay half. */
function cut(text: string, length: number): string {
  return text.slice(0, length).toWellFormed()
}
